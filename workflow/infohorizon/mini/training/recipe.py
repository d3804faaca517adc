"""The recipe of resources/training.yaml as plain records."""

from dataclasses import dataclass
from typing import Any

from infohorizon.errors import UserError


@dataclass(frozen=True)
class TowerRecipe:
    """Size of the vision tower and length of its pretraining."""

    width: int
    layers: int
    heads: int
    intermediate: int
    steps: int
    batch: int
    rate: float
    seed: int


@dataclass(frozen=True)
class ModelRecipe:
    """Size of the decoder and course of its training.

    The first `simple_steps` show scenes with one word and one icon; from there their share falls linearly to
    `simple_share` at `mixed_at` (a step), and the other scenes hold several. From step `options_from` on, questions
    for a named option join in. After `steps` steps a second, shorter round with a rate of its own asks on full scenes
    alone, and more of what is hard; from step `sides_from` on also pairs on the side of a shape.
    """

    width: int
    layers: int
    heads: int
    intermediate: int
    steps: int
    simple_steps: int
    mixed_at: int
    simple_share: float
    options_from: int
    sides_from: int
    batch: int
    rate: float
    finish_steps: int
    finish_rate: float
    seed: int

    @property
    def all_steps(self) -> int:
        return self.steps + self.finish_steps

    def share_of_simple_scenes(self, step: int) -> float:
        """How many of the scenes of this step hold one word and one icon."""
        if step >= self.steps:
            return 0.0
        fallen = (step - self.simple_steps) / (self.mixed_at - self.simple_steps)
        return 1 - (1 - self.simple_share) * min(max(fallen, 0.0), 1.0)


def tower_recipe(recipe: dict[str, Any]) -> TowerRecipe:
    return TowerRecipe(**recipe["tower"], seed=recipe["seed"])


def model_recipe(recipe: dict[str, Any], name: str) -> ModelRecipe:
    """What all models share, with the sizes of the model called `name`."""
    if name not in recipe["models"]:
        raise UserError(f"resources/training.yaml has no model {name!r}, only {', '.join(recipe['models'])}.")
    return ModelRecipe(**recipe["decoder"], **recipe["models"][name], seed=recipe["seed"])
