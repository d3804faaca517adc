"""The training of a pretrained language model on rendered scenes: LoRA in its decoder, and the projector."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPVisionModel

from infohorizon.mini.pretrained import folder
from infohorizon.mini.pretrained.alignment import align_digits, align_projector
from infohorizon.mini.pretrained.language_model import LanguageModel
from infohorizon.mini.pretrained.llava import half_precision_decoder, new_llava, new_processor
from infohorizon.mini.pretrained.lora import adapt
from infohorizon.mini.pretrained.wheel import SMOLLM2
from infohorizon.mini.rendered import questions
from infohorizon.mini.rendered.handwriting import digit_scene
from infohorizon.mini.rendered.lessons import adapter_finishing_questions, adapter_questions
from infohorizon.mini.rendered.questions import RenderedQuestion
from infohorizon.mini.rendered.scenes import Scene, Split
from infohorizon.mini.training.curves import write_history
from infohorizon.mini.training.decoder import Record, Training, fuller_scenes, train_model
from infohorizon.mini.training.optimizer import load_checkpoint, save_checkpoint
from infohorizon.mini.training.packing import Turn
from infohorizon.mini.training.recipe import AdapterRecipe, Round
from infohorizon.models.precision import resolved

VALIDATED = 0.25  # share of the images of a validation that hold digits
ALIGNED = 2  # added to the recipe's seed: scenes of their own


def new_adapter_training(recipe: AdapterRecipe, tower: CLIPVisionModel, read: LanguageModel) -> Training:
    """Frozen: the tower, and the pretrained language model. Trained, in float32: LoRA and the projector.

    A decoder of random weights is trained whole, without LoRA, and keeps its weights in float32.
    """
    torch.manual_seed(recipe.seed)
    pretrained = recipe.weights == "pretrained"
    model = new_llava(read, tower.config, pretrained).requires_grad_(False)
    model.model.vision_tower.load_state_dict(tower.state_dict())
    model.model.multi_modal_projector.requires_grad_(True)
    if in_half_precision(recipe) and pretrained:
        half_precision_decoder(model)
    if pretrained:
        adapt(model.model.language_model, recipe.rank)
    else:
        model.model.language_model.requires_grad_(True)
    turn = Turn(new_processor(read))

    scenes = fuller_scenes(recipe)

    def sample(rng: np.random.Generator, split: Split, step: int | None) -> Scene:
        digits = recipe.digit_steps and rng.random() < VALIDATED if step is None else recipe.shows_digits(step)
        return digit_scene(rng, split) if digits else scenes(rng, split, step)

    def ask(rng: np.random.Generator, scene: Scene, split: Split, step: int | None) -> list[RenderedQuestion]:
        if scene.digits:
            return questions.digits(scene)
        finishing = step is not None and step >= recipe.steps
        return (adapter_finishing_questions if finishing else adapter_questions)(rng, scene, split)

    @torch.autocast("cpu", enabled=False)  # whitening needs more digits than products in bfloat16 have
    def begin(current: Round) -> None:
        if current.first == 0:
            align_projector(model, turn, recipe.align_steps, recipe.seed + ALIGNED)
        elif current == recipe.rounds[-1]:
            align_digits(model, turn, recipe.align_steps, recipe.seed + ALIGNED)

    return Training(recipe, model, turn, sample, ask, begin, mixed=in_half_precision(recipe) and not pretrained)


def in_half_precision(recipe: AdapterRecipe) -> bool:
    """Whether the decoder's products are made in bfloat16."""
    return resolved(recipe.dtype, "cpu") == "bfloat16"


def continue_from(adapter: Path, training: Training, target: Path) -> None:
    """Let the training of `target` resume behind the rounds of an adapter folder, unless it has a checkpoint of this
    recipe."""
    checkpoint = target.with_suffix(".checkpoint")
    if load_checkpoint(checkpoint, training.recipe) is None:
        weights = {name: part.float() for name, part in folder.trained_parts(adapter).items()}
        first = training.recipe.rounds[-1].first
        save_checkpoint(checkpoint, training.recipe, model=weights, adam={}, step=first, history=[])


def train_adapter(
    training: Training, target: Path, curves: tuple[str, str, str], log: Callable[[Record], None]
) -> None:
    """Train, or resume from the checkpoint beside `target`; write the adapter folder, the record and its curves.

    The checkpoint is not in the folder: Snakemake removes the outputs of a job that was killed.

    Args:
        curves: the files of the record (CSV) and of its curves (SVG, PNG).
        log: is given each record.
    """
    checkpoint = target.with_suffix(".checkpoint")
    with torch.autocast("cpu", torch.bfloat16, enabled=training.mixed):
        records = train_model(training, checkpoint, log)
    folder.save(training.model, SMOLLM2, target)
    write_history(records, target.name, *curves)
    checkpoint.unlink(missing_ok=True)
