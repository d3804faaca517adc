"""The vision tower learns what each patch shows, and its class token what the image shows.

The decoder then reads the patches of the last layer but one, as in LLaVA-1.5, from the frozen tower.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import CLIPVisionConfig, CLIPVisionModel

from infohorizon.mini.rendered.drawing import draw_scene
from infohorizon.mini.rendered.scenes import (
    CHARACTERS,
    COLORS,
    GRID,
    KINDS,
    PATCH,
    SIZE,
    WORD_LENGTH,
    Scene,
    generator,
    patch_labels,
    sample_scene,
)  # fmt: skip
from infohorizon.mini.training.optimizer import Optimizer, load_checkpoint, save_checkpoint
from infohorizon.mini.training.recipe import TowerRecipe

MEAN, SCALE = 0.3, 0.3  # about those of the pixels; the image processor uses the same
FEATURE_LAYER = -2
CLASSES = {
    "character": len(CHARACTERS) + 1,
    "index": WORD_LENGTH + 1,
    "kind": len(KINDS) + 1,
    "color": len(COLORS) + 1,
    "row": GRID,
    "column": GRID,
}
IN_IMAGE = ("character", "kind")  # what the class token has to list
LOG_EVERY = 20  # steps
CHECKPOINT_EVERY = 100


def normalized(images: list[np.ndarray]) -> torch.Tensor:
    """Pixel values (batch, 3, SIZE, SIZE) of uint8 images (SIZE, SIZE, 3)."""
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return (pixels / 255 - MEAN) / SCALE


def new_tower(recipe: TowerRecipe) -> CLIPVisionModel:
    return CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=recipe.width,
            intermediate_size=recipe.intermediate,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            image_size=SIZE,
            patch_size=PATCH,
        )
    )


class LabelledTower(nn.Module):
    """A tower with one linear head per patch label and one over the whole image."""

    def __init__(self, tower: CLIPVisionModel) -> None:
        super().__init__()
        self.tower = tower
        width = tower.config.hidden_size
        self.patch_head = nn.Linear(width, sum(CLASSES.values()))
        self.image_head = nn.Linear(width, sum(CLASSES[name] for name in IN_IMAGE))

    def forward(self, pixels: torch.Tensor, labels: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """Loss, and accuracy per label over the patches that hold something (labels: (batch, GRID²))."""
        out = self.tower(pixels, output_hidden_states=True)
        logits = self.patch_head(out.hidden_states[FEATURE_LAYER][:, 1:]).split(list(CLASSES.values()), dim=-1)
        loss, accuracy = torch.zeros(()), {}
        for (name, target), predicted in zip(labels.items(), logits, strict=True):
            loss = loss + cross_entropy(predicted.flatten(0, 1), target.flatten())
            inked = target > 0
            accuracy[name] = (predicted.argmax(-1) == target)[inked].float().mean().item()
        shown = torch.cat([nn.functional.one_hot(labels[n], CLASSES[n]).amax(1) for n in IN_IMAGE], dim=-1)
        return loss + binary_cross_entropy_with_logits(self.image_head(out.pooler_output), shown.float()), accuracy


def labelled_batch(recipe: TowerRecipe, step: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Pixels and patch labels of one step's scenes; the same for the same seed and step."""
    scenes: list[Scene] = []
    images = []
    for index in range(step * recipe.batch, (step + 1) * recipe.batch):
        rng = generator(recipe.seed, "train", index)
        scenes.append(sample_scene(rng, "train"))
        images.append(draw_scene(scenes[-1], rng))
    labels = [patch_labels(scene) for scene in scenes]
    return normalized(images), {
        name: torch.from_numpy(np.stack([label[name].ravel() for label in labels])) for name in CLASSES
    }


def train_tower(
    recipe: TowerRecipe, checkpoint: Path, log: Callable[[dict[str, Any]], None]
) -> tuple[CLIPVisionModel, list[dict[str, Any]]]:
    """Train from scratch, or resume from `checkpoint`: the tower, and a record every LOG_EVERY steps (also logged)."""
    torch.manual_seed(recipe.seed)
    model = LabelledTower(new_tower(recipe))
    optimizer = Optimizer(model.parameters(), recipe.rate, recipe.steps)
    start, history = 0, []
    if state := load_checkpoint(checkpoint, recipe):
        model.load_state_dict(state["model"])
        optimizer.adam.load_state_dict(state["adam"])
        start, history = state["step"], state["history"]
    began = time.monotonic()
    for step in range(start, recipe.steps):
        loss, accuracy = model(*labelled_batch(recipe, step))
        optimizer.step(loss, step)
        if (step + 1) % LOG_EVERY == 0:
            rate = (step + 1 - start) * recipe.batch / (time.monotonic() - began)
            history.append({"step": step + 1, "loss": loss.item(), "images_per_second": rate, **accuracy})
            log(history[-1])
        if (step + 1) % CHECKPOINT_EVERY == 0 and step + 1 < recipe.steps:
            state = {"model": model.state_dict(), "adam": optimizer.adam.state_dict()}
            save_checkpoint(checkpoint, recipe, **state, step=step + 1, history=history)
    return model.tower, history
