"""The recipe of the bundled models: recipe.yaml, the part of it that decides each training, and that as records."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from infohorizon.errors import UserError, suggestion

FILE = Path(__file__).with_name("recipe.yaml")


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


class Round(NamedTuple):
    """Steps with an optimizer of their own: from step `first` on, `steps` of them, at `rate`."""

    first: int
    steps: int
    rate: float


@dataclass(frozen=True)
class Course:
    """The course of a training.

    The first `simple_steps` show scenes with one word and one icon; from there their share falls linearly to
    `simple_share` at `mixed_at` (a step), and the other scenes hold several. After `steps` steps a second, shorter
    round with a rate of its own asks on full scenes alone, and more of what is hard.
    """

    steps: int
    simple_steps: int
    mixed_at: int
    simple_share: float
    batch: int
    rate: float
    finish_steps: int
    finish_rate: float
    seed: int

    @property
    def rounds(self) -> list[Round]:
        """In their order."""
        return [Round(0, self.steps, self.rate), Round(self.steps, self.finish_steps, self.finish_rate)]

    @property
    def all_steps(self) -> int:
        return sum(r.steps for r in self.rounds)

    def share_of_simple_scenes(self, step: int) -> float:
        """How many of the scenes of this step hold one word and one icon."""
        if step >= self.steps:
            return 0.0
        fallen = (step - self.simple_steps) / (self.mixed_at - self.simple_steps)
        return 1 - (1 - self.simple_share) * min(max(fallen, 0.0), 1.0)

    def round_of(self, step: int) -> Round:
        """The round that a step belongs to; the last one once all are over."""
        return next((r for r in self.rounds if step < r.first + r.steps), self.rounds[-1])


@dataclass(frozen=True)
class ModelRecipe(Course):
    """Size of a decoder and course of its training.

    From step `options_from` on, questions for a named option join in; from step `sides_from` on, which is in the second
    round, pairs on the side of a shape.
    """

    width: int
    layers: int
    heads: int
    intermediate: int
    options_from: int
    sides_from: int


@dataclass(frozen=True)
class AdapterRecipe(Course):
    """Course of the training of a pretrained language model: LoRA of this rank, and the projector.

    A third round of `digit_steps` asks for handwritten digits in two of three steps, and in the others what the second
    round asks, so that nothing is forgotten. It begins with the projector alone, as the first one. `continues`: the
    rounds before it are those of the shipped adapter, whose weights it starts from.
    `align_steps`: of the projector alone, towards the embeddings of the words that describe a patch, before all else;
    with 0 it starts from whitened features. `weights`: of the decoder, pretrained (and frozen beside LoRA) or random
    (and all trained). `dtype`: of the decoder's products, and of what is frozen; auto is bfloat16 on a processor that
    has instructions for it, and float32 on others, which take several times as long for bfloat16.
    """

    rank: int
    align_steps: int
    weights: Literal["pretrained", "random"] = "pretrained"
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    digit_steps: int = 0
    digit_rate: float = 0.0
    continues: bool = False

    @property
    def rounds(self) -> list[Round]:
        before = super().rounds
        return [*before, Round(self.steps + self.finish_steps, self.digit_steps, self.digit_rate)]

    def shows_digits(self, step: int) -> bool:
        """Whether the images of this step hold handwritten digits."""
        first = self.rounds[-1].first
        return step >= first and (step - first) % 3 < 2


def load() -> dict[str, Any]:
    """The whole recipe, as recipe.yaml has it."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def tower_part(recipe: dict[str, Any]) -> dict[str, Any]:
    """The part that decides the tower: another model leaves the tower as it is."""
    return {key: recipe[key] for key in ("seed", "tower")}


def model_part(recipe: dict[str, Any], name: str) -> dict[str, Any]:
    """The part that decides the model called `name`: another model's sizes leave this one as it is.

    Raises:
        UserError: the recipe has no such model.
    """
    if name not in recipe["models"]:
        raise UserError(f"{FILE.name} has no model '{name}': {suggestion(name, recipe['models'])}")
    return {**tower_part(recipe), "decoder": recipe["decoder"], "models": {name: recipe["models"][name]}}


def adapter_part(recipe: dict[str, Any], name: str) -> dict[str, Any]:
    """The part that decides the training of the adapter called `name`.

    Raises:
        UserError: the recipe has no such adapter.
    """
    if name not in recipe["adapters"]:
        raise UserError(f"{FILE.name} has no adapter '{name}': {suggestion(name, recipe['adapters'])}")
    return {**tower_part(recipe), "adapters": {name: recipe["adapters"][name]}}


def control_part(recipe: dict[str, Any], name: str) -> dict[str, Any]:
    """The part that decides the control called `name`: the fields of an `AdapterRecipe`.

    Raises:
        UserError: the recipe has no such control.
    """
    controls = recipe["controls"]
    if name not in controls["arms"]:
        raise UserError(f"{FILE.name} has no control '{name}': {suggestion(name, controls['arms'])}")
    return {**controls["course"], **controls["arms"][name]}


def part(recipe: dict[str, Any], name: str) -> dict[str, Any]:
    """The part that decides the model or adapter called `name`."""
    return (adapter_part if name in recipe["adapters"] else model_part)(recipe, name)


def adapter_recipe(recipe: dict[str, Any], name: str) -> AdapterRecipe:
    """An adapter's part as a record."""
    return AdapterRecipe(**adapter_part(recipe, name)["adapters"][name], seed=recipe["seed"])


def recipe_of(recipe: dict[str, Any], name: str) -> ModelRecipe | AdapterRecipe:
    """The record of the model or adapter called `name`."""
    return adapter_recipe(recipe, name) if name in recipe.get("adapters", ()) else model_recipe(recipe, name)


def tower_recipe(recipe: dict[str, Any]) -> TowerRecipe:
    """The tower's part as a record."""
    return TowerRecipe(**recipe["tower"], seed=recipe["seed"])


def model_recipe(recipe: dict[str, Any], name: str) -> ModelRecipe:
    """A model's part as a record: what all models share, with the sizes of this one."""
    return ModelRecipe(**recipe["decoder"], **model_part(recipe, name)["models"][name], seed=recipe["seed"])
