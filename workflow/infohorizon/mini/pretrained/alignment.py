"""What the projector learns before the decoder does: to carry each patch to the words that describe it."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration

from infohorizon.mini.rendered.drawing import draw_scene
from infohorizon.mini.rendered.handwriting import digit_scene, label_of
from infohorizon.mini.rendered.scenes import (
    CHARACTERS,
    COLORS,
    GRID,
    KINDS,
    QUARTERS,
    generator,
    patch_labels,
    sample_scene,
)
from infohorizon.mini.training.model import tower_features, whitening
from infohorizon.mini.training.packing import Turn
from infohorizon.mini.training.tower import normalized

Pair = tuple[Tensor, Tensor]
RATE = 2e-3
IMAGES, BATCHES = 32, 24  # per batch, and in all
SIMPLE_SHARE = 0.3
DIGIT = 4.0  # weight of a handwritten digit's word
PLACE = 0.5  # weight of the words for a patch's place: every patch has one, empty ones too


def word_vectors(embedding: Tensor, turn: Turn) -> dict[str, Tensor]:
    """Label of `patch_labels` → the language model's embedding (classes, width) of each class's word; 0 for nothing."""

    def vector(text: str) -> Tensor:
        return embedding[turn.ids(text)].mean(0)

    nothing = torch.zeros_like(embedding[0])
    places = {"row": (" top", " bottom"), "column": (" left", " right")}
    return {
        "character": torch.stack([nothing, *(vector(c) for c in CHARACTERS)]),
        "index": torch.stack([nothing, *(vector(f" {word}") for word in ("first", "second", "third"))]),
        "kind": torch.stack([nothing, *(vector(f" {kind}") for kind in KINDS)]),
        "color": torch.stack([nothing, *(vector(f" {color}") for color in COLORS)]),
        **{
            label: PLACE * torch.stack([vector(words[i >= GRID // 2]) for i in range(GRID)])
            for label, words in places.items()
        },
    }


@torch.no_grad()
def described_patches(model: LlavaForConditionalGeneration, turn: Turn, seed: int, batch: int) -> tuple[Tensor, Tensor]:
    """Tower features (patches, tower width) of a batch of scenes, and the sum of their words' embeddings."""
    images, labels = [], []
    for index in range(batch * IMAGES, (batch + 1) * IMAGES):
        rng = generator(seed, "train", index)
        scene = sample_scene(rng, "train", simple=rng.random() < SIMPLE_SHARE)
        images.append(draw_scene(scene, rng))
        labels.append(patch_labels(scene))
    vectors = word_vectors(model.get_input_embeddings().weight.float(), turn)
    target = sum(
        vectors[name][torch.from_numpy(np.stack([label[name] for label in labels])).flatten()] for name in vectors
    )
    return tower_features(model, normalized(images)).flatten(0, 1), target


def align_projector(model: LlavaForConditionalGeneration, turn: Turn, steps: int, seed: int) -> None:
    """Regress the projected features of each patch onto the summed embeddings of its words; no pass of the decoder.

    The first layer starts from the whitened features with both signs: gelu(x) − gelu(−x) = x, so nothing is cut off.
    """
    projector = model.model.multi_modal_projector
    batches = [described_patches(model, turn, seed, batch) for batch in range(BATCHES)]
    start(projector, torch.cat([features for features, _ in batches[:4]]), batches[0][1].pow(2).mean().sqrt())
    regress(projector, lambda step: [batches[step % BATCHES]], steps)


def align_digits(model: LlavaForConditionalGeneration, turn: Turn, steps: int, seed: int) -> None:
    """Carry the projected features of handwritten digits towards their words; all other patches stay where they are.

    Without this the decoder learned nothing of them in 160 steps: a digit lies on sixteen patches, none of which shows
    all of it.
    """
    projector = model.model.multi_modal_projector
    before = deepcopy(projector).requires_grad_(False)
    embedding = model.get_input_embeddings().weight.detach().float()
    words = torch.stack([embedding[turn.ids(str(digit))].mean(0) for digit in range(10)])
    vectors = torch.cat([torch.zeros_like(words[:1]), DIGIT * (words - words.mean(0))])  # 0: no digit
    written = [digit_patches(model, seed, batch) for batch in range(BATCHES)]
    drawn = [described_patches(model, turn, seed, batch)[0] for batch in range(BATCHES // 2)]

    def pairs(step: int) -> list[Pair]:
        (features, digits), others = written[step % len(written)], drawn[step % len(drawn)]
        return [(features, before(features) + vectors[digits]), (others, before(others))]

    regress(projector, pairs, steps)


def regress(projector: nn.Module, pairs: Callable[[int], list[Pair]], steps: int) -> None:
    """Steps of Adam. The loss adds up each pair's (features, target) mean squared error, relative to its target's mean
    square."""
    adam = torch.optim.Adam(projector.parameters(), RATE)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        losses = [(projector(x) - target).pow(2).mean() / target.pow(2).mean() for x, target in pairs(step)]
        torch.stack(losses).sum().backward()
        adam.step()
        adam.zero_grad()


@torch.no_grad()
def digit_patches(model: LlavaForConditionalGeneration, seed: int, batch: int) -> tuple[Tensor, Tensor]:
    """Tower features (patches, tower width) of a batch of handwritten digits, and which digit each patch is of, plus 1
    (0: none)."""
    images, patches = [], torch.zeros(IMAGES, GRID, GRID, dtype=torch.long)
    for place in range(IMAGES):
        rng = generator(seed, "train", batch * IMAGES + place)
        scene = digit_scene(rng, "train")
        images.append(draw_scene(scene, rng))
        for digit in scene.digits:
            row, column = QUARTERS[digit.quarter]
            patches[place, row : row + GRID // 2, column : column + GRID // 2] = int(label_of(digit.sample)) + 1
    return tower_features(model, normalized(images)).flatten(0, 1), patches.flatten()


@torch.no_grad()
def start(projector: nn.Module, features: Tensor, rms: Tensor) -> None:
    """Whitened features with both signs, then an orthogonal layer whose output has the root mean square `rms`."""
    directions, offsets = whitening(features)
    n = len(directions)
    for first, sign in ((0, 1), (n, -1)):
        projector.linear_1.weight[first : first + n] = sign * directions
        projector.linear_1.bias[first : first + n] = sign * offsets
    nn.init.orthogonal_(projector.linear_2.weight)
    projector.linear_2.bias.zero_()
    projector.linear_2.weight *= rms / projector(features).pow(2).mean().sqrt()
