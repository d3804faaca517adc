"""TransPrune: what layers do to a token, and what the text makes of it."""

from typing import Any

import torch
from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, View, checked_layer
from infohorizon.units import layer_of

LEAST = 1e-8  # the authors' guard of a sum


class TransPrune(ScoreStrategy):
    """Keeps the tokens that the layers so far turned most and that the text attends to most in the layer they enter.

    The two scores, each divided by its sum over tokens, are added: transitions (how much attention and MLP lengthen
    and turn a token's state) in the accumulating layers below this one, and attention of all text tokens after the
    image, mean over heads and tokens. Below the first accumulating layer attention decides alone.

    Args:
        since: first accumulating layer, a number or a fraction of the depth (paper: 6 of 32). All layers from it to the
            one before this one accumulate; the paper's last removal, at layer 12, sums six of them.
    """

    name = "transprune"
    paper = "Li et al., TransPrune: Token Transition Pruning …, CVPR 2026, arXiv 2507.20630"
    needs = "inputs and outputs of attention and MLP in the accumulating layers; attention of the text in this layer"
    published = "layers 7, 9 and 12 of 32"
    licence = "MIT"
    golden = True
    differs = "a fraction becomes a number of tokens by rounding half up, theirs is truncated"
    reads = "layers"

    def __init__(self, since: int | float = 6 / 32, **options: Any) -> None:
        super().__init__(**options)
        self.since = checked_layer("since", since)

    def score(self, view: View, keep: int) -> Tensor:
        attention = view.attention(torch.arange(view.text_count, device=view.present.device), ahead=True).mean(
            dim=(0, 1)
        )
        layers = range(layer_of(self.since, view.depth), view.layer)
        transitions = sum((view.transition(layer) for layer in layers), torch.zeros_like(attention))
        return transitions / (transitions.sum() + LEAST) + attention / (attention.sum() + LEAST)
