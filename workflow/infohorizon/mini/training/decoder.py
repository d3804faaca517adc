"""Training of projector and decoder on rendered scenes, with the tower frozen."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch.nn.functional import cross_entropy
from transformers import CLIPVisionModel, LlavaForConditionalGeneration, PreTrainedTokenizerFast

from infohorizon.mini.rendered.drawing import draw_scene
from infohorizon.mini.rendered.questions import RenderedQuestion, finishing_questions, training_questions
from infohorizon.mini.rendered.scenes import generator, sample_scene
from infohorizon.mini.training.model import new_model, start_projector, tower_features
from infohorizon.mini.training.optimizer import Optimizer, load_checkpoint, save_checkpoint
from infohorizon.mini.training.packing import Pack, answer_logits, exact_matches, pack
from infohorizon.mini.training.recipe import ModelRecipe
from infohorizon.mini.training.tower import normalized

LOG_EVERY = 50  # steps; training accuracy is the mean over them
CHECK_EVERY = 200  # steps between validations, each followed by a checkpoint
VALIDATION_IMAGES = 96
PROJECTOR_IMAGES = 256  # whose features start the projector

Record = dict[str, Any]


def training_batch(recipe: ModelRecipe, step: int) -> tuple[torch.Tensor, list[list[RenderedQuestion]]]:
    """Pixels and questions of one step; the same for the same seed and step."""
    images, questions = [], []
    for index in range(step * recipe.batch, (step + 1) * recipe.batch):
        rng = generator(recipe.seed + 1, "train", index)  # + 1: other scenes than the tower's
        scene = sample_scene(rng, "train", simple=rng.random() < recipe.share_of_simple_scenes(step))
        images.append(draw_scene(scene, rng))
        if step < recipe.steps:
            questions.append(training_questions(rng, scene, "train", options=step >= recipe.options_from))
        else:
            questions.append(finishing_questions(rng, scene, "train", sides=step >= recipe.sides_from))
    return normalized(images), questions


def accuracies(answered: list[tuple[RenderedQuestion, bool]]) -> dict[str, float]:
    """Share of exact answers per question family."""
    frame = pl.DataFrame({"family": [a.family for a, _ in answered], "right": [right for _, right in answered]})
    return dict(frame.group_by("family").agg(pl.col("right").mean()).sort("family").iter_rows())


@torch.no_grad()
def validate(model: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, seed: int) -> dict[str, float]:
    """Exact answers per family on scenes with several objects of the validation split."""
    answered = []
    for start in range(0, VALIDATION_IMAGES, 16):
        images, questions = [], []
        for index in range(start, start + 16):
            rng = generator(seed, "validation", index)
            scene = sample_scene(rng, "validation")
            images.append(draw_scene(scene, rng))
            questions.append(training_questions(rng, scene, "validation"))
        features = tower_features(model, normalized(images))
        packed = pack(questions, tokenizer, features.shape[1])
        answered += exact_matches(packed, answer_logits(model, packed, features))
    return accuracies(answered)


def loss_and_answers(
    model: LlavaForConditionalGeneration, packed: Pack, features: torch.Tensor
) -> tuple[torch.Tensor, list[tuple[RenderedQuestion, bool]]]:
    """Mean cross-entropy over answer tokens, and which questions were answered exactly."""
    logits = answer_logits(model, packed, features)
    return cross_entropy(logits, packed.targets[packed.targets != -100]), exact_matches(packed, logits.detach())


def train_model(
    recipe: ModelRecipe,
    tower: CLIPVisionModel,
    tokenizer: PreTrainedTokenizerFast,
    checkpoint: Path,
    log: Callable[[Record], None],
) -> tuple[LlavaForConditionalGeneration, list[Record]]:
    """Train from scratch, or resume from `checkpoint`: the model, and its records (also given to `log`).

    A record holds split (train or validation), step, loss, images_per_second and an accuracy per family.
    """
    model = new_model(recipe, tower, tokenizer)
    model.model.vision_tower.eval()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    start, history = 0, []
    if state := load_checkpoint(checkpoint, recipe):
        model.load_state_dict(state["model"])
        start, history = state["step"], state["history"]
    else:
        batches = [training_batch(recipe, step)[0] for step in range(PROJECTOR_IMAGES // recipe.batch)]
        start_projector(model.model.multi_modal_projector, tower_features(model, torch.cat(batches)).flatten(0, 1))

    def new_optimizer(step: int) -> Optimizer:
        if step < recipe.steps:
            return Optimizer(trained, recipe.rate, recipe.steps)
        return Optimizer(trained, recipe.finish_rate, recipe.finish_steps, first=recipe.steps)

    optimizer = new_optimizer(start)
    if state and start != recipe.steps:  # the second round starts with an optimizer of its own
        optimizer.adam.load_state_dict(state["adam"])

    def record(split: str, step: int, **values: float) -> None:
        history.append({"split": split, "step": step, **values})
        log(history[-1])

    losses, answered, began = [], [], time.monotonic()
    for step in range(start + 1, recipe.all_steps + 1):
        if step == recipe.steps + 1:
            optimizer = new_optimizer(recipe.steps)
        pixels, questions = training_batch(recipe, step - 1)
        features = tower_features(model, pixels)
        loss, answers = loss_and_answers(model, pack(questions, tokenizer, features.shape[1]), features)
        optimizer.step(loss, step - 1)
        losses.append(loss.item())
        answered += answers
        if step % LOG_EVERY == 0:
            rate = len(losses) * recipe.batch / (time.monotonic() - began)
            record("train", step, loss=sum(losses) / len(losses), images_per_second=rate, **accuracies(answered))
            losses, answered, began = [], [], time.monotonic()
        if step % CHECK_EVERY == 0 or step in (recipe.steps, recipe.all_steps):
            record("validation", step, **validate(model, tokenizer, recipe.seed))
            state = {"model": model.state_dict(), "adam": optimizer.adam.state_dict()}
            save_checkpoint(checkpoint, recipe, **state, step=step, history=history)
            began = time.monotonic()
    return model, history
