"""Training of projector and decoder on rendered scenes, with the tower frozen."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from torch.nn.functional import cross_entropy
from transformers import CLIPVisionModel, LlavaForConditionalGeneration, LlavaProcessor

from infohorizon.mini.rendered.drawing import draw_scene
from infohorizon.mini.rendered.lessons import finishing_questions, training_questions
from infohorizon.mini.rendered.questions import RenderedQuestion
from infohorizon.mini.rendered.scenes import Scene, Split, generator, sample_scene
from infohorizon.mini.training.model import new_model, start_projector, tower_features
from infohorizon.mini.training.optimizer import Optimizer, load_checkpoint, save_checkpoint
from infohorizon.mini.training.packing import Pack, Turn, answer_logits, exact_matches, pack
from infohorizon.mini.training.recipe import Course, ModelRecipe, Round
from infohorizon.mini.training.tower import normalized

LOG_EVERY = 50  # steps; training accuracy is the mean over them
CHECK_EVERY = 100  # steps between validations, each followed by a checkpoint
VALIDATION_IMAGES = 96
VALIDATION_BATCH = 16
PROJECTOR_IMAGES = 256  # whose features start the projector

Record = dict[str, Any]


class Sample(Protocol):
    """The scene of one image at a step, or in a validation (None)."""

    def __call__(self, rng: np.random.Generator, split: Split, step: int | None) -> Scene: ...


class Ask(Protocol):
    """The questions of one image at a step, or in a validation (None)."""

    def __call__(
        self, rng: np.random.Generator, scene: Scene, split: Split, step: int | None
    ) -> list[RenderedQuestion]: ...


@dataclass(frozen=True)
class Training:
    """What is trained, and on what.

    Attributes:
        model: those of its parameters that require a gradient are trained.
        turn: how it is asked.
        sample, ask: what it sees, and what it is asked.
        begin: what happens before the first step of a round, and not when a training is resumed within it.
        mixed: whether weights in float32 are rounded to bfloat16 for each product.
    """

    recipe: Course
    model: LlavaForConditionalGeneration
    turn: Turn
    sample: Sample
    ask: Ask
    begin: Callable[[Round], None]
    mixed: bool = False


def new_training(recipe: ModelRecipe, tower: CLIPVisionModel, processor: LlavaProcessor) -> Training:
    """The training of a mini model from scratch."""

    def ask(rng: np.random.Generator, scene: Scene, split: Split, step: int | None) -> list[RenderedQuestion]:
        if step is None or step < recipe.steps:
            return training_questions(rng, scene, split, options=step is None or step >= recipe.options_from)
        return finishing_questions(rng, scene, split, sides=step >= recipe.sides_from)

    def begin(current: Round) -> None:
        if current.first == 0:
            batches = [training_batch(training, step)[0] for step in range(PROJECTOR_IMAGES // recipe.batch)]
            start_projector(model.model.multi_modal_projector, tower_features(model, torch.cat(batches)).flatten(0, 1))

    model = new_model(recipe, tower, processor.tokenizer)
    training = Training(recipe, model, Turn(processor), fuller_scenes(recipe), ask, begin)
    return training


def fuller_scenes(recipe: Course) -> Sample:
    """Scenes that hold more and more in the course of a training; in a validation several objects."""

    def sample(rng: np.random.Generator, split: Split, step: int | None) -> Scene:
        simple = step is not None and rng.random() < recipe.share_of_simple_scenes(step)
        return sample_scene(rng, split, simple)

    return sample


def training_batch(training: Training, step: int) -> tuple[torch.Tensor, list[list[RenderedQuestion]]]:
    """Pixels and questions of one step; the same for the same seed and step."""
    recipe = training.recipe
    images, questions = [], []
    for index in range(step * recipe.batch, (step + 1) * recipe.batch):
        rng = generator(recipe.seed + 1, "train", index)  # + 1: other scenes than the tower's
        scene = training.sample(rng, "train", step)
        images.append(draw_scene(scene, rng))
        questions.append(training.ask(rng, scene, "train", step))
    return normalized(images), questions


def accuracies(answered: list[tuple[RenderedQuestion, bool]]) -> dict[str, float]:
    """Share of exact answers per question family."""
    frame = pl.DataFrame({"family": [a.family for a, _ in answered], "right": [right for _, right in answered]})
    return dict(frame.group_by("family").agg(pl.col("right").mean()).sort("family").iter_rows())


@torch.no_grad()
def validate(training: Training) -> dict[str, float]:
    """Exact answers per family on scenes of the validation split."""
    answered = []
    for start in range(0, VALIDATION_IMAGES, VALIDATION_BATCH):
        images, questions = [], []
        for index in range(start, start + VALIDATION_BATCH):
            rng = generator(training.recipe.seed, "validation", index)
            scene = training.sample(rng, "validation", None)
            images.append(draw_scene(scene, rng))
            questions.append(training.ask(rng, scene, "validation", None))
        features = tower_features(training.model, normalized(images))
        packed = pack(questions, training.turn, features.shape[1])
        answered += exact_matches(packed, answer_logits(training.model, packed, features))
    return accuracies(answered)


def loss_and_answers(
    model: LlavaForConditionalGeneration, packed: Pack, features: torch.Tensor
) -> tuple[torch.Tensor, list[tuple[RenderedQuestion, bool]]]:
    """Mean cross-entropy over answer tokens, and which questions were answered exactly."""
    logits = answer_logits(model, packed, features).float()
    return cross_entropy(logits, packed.targets[packed.targets != -100]), exact_matches(packed, logits.detach())


def train_model(training: Training, checkpoint: Path, log: Callable[[Record], None]) -> list[Record]:
    """Train `training.model`, or resume from `checkpoint`: the records, which are also given to `log`.

    A record holds split (train or validation), step, loss, images_per_second and an accuracy per family.
    """
    recipe, model = training.recipe, training.model
    model.model.vision_tower.eval()
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    start, history = 0, []
    if state := load_checkpoint(checkpoint, recipe):
        model.load_state_dict(state["model"], strict=False)
        start, history = state["step"], state["history"]

    def record(split: str, step: int, **values: float) -> None:
        history.append({"split": split, "step": step, **values})
        log(history[-1])

    losses, answered, began, current = [], [], time.monotonic(), None
    for step in range(start + 1, recipe.all_steps + 1):
        if recipe.round_of(step - 1) != current:
            current = recipe.round_of(step - 1)
            if step - 1 == current.first:
                training.begin(current)
                began = time.monotonic()
            optimizer = Optimizer(trained.values(), current.rate, current.steps, current.first)
            if step - 1 > current.first:  # resumed
                optimizer.adam.load_state_dict(state["adam"])
        pixels, questions = training_batch(training, step - 1)
        features = tower_features(model, pixels)
        loss, answers = loss_and_answers(model, pack(questions, training.turn, features.shape[1]), features)
        optimizer.step(loss, step - 1)
        losses.append(loss.item())
        answered += answers
        if step % LOG_EVERY == 0:
            rate = len(losses) * recipe.batch / (time.monotonic() - began)
            record("train", step, loss=sum(losses) / len(losses), images_per_second=rate, **accuracies(answered))
            losses, answered, began = [], [], time.monotonic()
        if step % CHECK_EVERY == 0 or step in (current.first + current.steps, recipe.all_steps):
            record("validation", step, **validate(training))
            state = {"model": trained, "adam": optimizer.adam.state_dict()}
            save_checkpoint(checkpoint, recipe, **state, step=step, history=history)
            began = time.monotonic()
    return history
