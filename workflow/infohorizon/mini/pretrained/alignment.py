"""The projector's start: each patch is carried to where the language model has the words that describe it."""

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration

from infohorizon.mini.rendered.drawing import draw_scene
from infohorizon.mini.rendered.scenes import CHARACTERS, COLORS, GRID, KINDS, generator, patch_labels, sample_scene
from infohorizon.mini.training.model import tower_features, whitening
from infohorizon.mini.training.packing import Turn
from infohorizon.mini.training.tower import normalized

RATE = 2e-3
IMAGES, BATCHES = 32, 24  # per batch, and in all
SIMPLE_SHARE = 0.3
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
    adam = torch.optim.Adam(projector.parameters(), RATE)
    for step in range(steps):
        features, target = batches[step % BATCHES]
        for group in adam.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        loss = (projector(features) - target).pow(2).mean() / target.pow(2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()


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
