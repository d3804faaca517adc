"""VisPruner: some salient tokens, and the rest without duplicates."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from infohorizon.strategies.base import Selection, Strategy, View

STEP = 8


class VisPruner(Strategy):
    """Keeps the most salient tokens of the vision tower, and of the others those left after removing duplicates.

    Duplicates leave in rounds: the others, listed by saliency, are split into every second token and the ones between;
    of the first half the (at most 8) tokens most similar to any of the second leave (paper: before the decoder).

    Args:
        important: share of `keep` that is chosen by saliency.
    """

    name = "vispruner"
    paper = "Zhang et al., Beyond Text-Visual Attention … (VisPruner), ICCV 2025, arXiv 2412.01818"
    needs = "vision-tower saliency; vision features"
    once = True
    published = "before the decoder"
    licence = "Apache-2.0"
    golden = True

    def __init__(self, important: float = 0.5, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= important <= 1:
            raise ValueError(f"important is {important}; it must be a share between 0 and 1")
        self.important = important

    def select(self, view: View, keep: int) -> Selection:
        # Many small rounds: faster on the CPU.
        order = view.on_cpu("saliency").sort(descending=True, stable=True).indices
        salient = int(keep * self.important)
        rest = distinct(order[salient:], view.on_cpu("features"), keep - salient)
        return Selection(torch.cat([order[:salient], rest]).sort().values)


def distinct(tokens: Tensor, features: Tensor, number: int) -> Tensor:
    """Remove tokens from the list, duplicates first, until `number` are left."""
    if number == 0:
        return tokens[:0]
    # Two similarities may differ by less than float32 resolves (the golden cases hold such a pair): normalised in
    # float64 and rounded once, the result was the same under every BLAS code path tried, in float32 it was not.
    features = normalize(features.double(), dim=1).float()
    similarity = features @ features.T
    while (excess := len(tokens) - number) > 0:
        even, odd = tokens[::2], tokens[1::2]
        closest = similarity[even][:, odd].amax(dim=1)
        # Descending, the later of equals first, so that the earlier stays. The survivors keep this order: it decides
        # which tokens are compared in the next round.
        survivors = closest.sort(stable=True).indices.flip(0)[min(STEP, excess) :]
        tokens = torch.cat([even[survivors], odd])
    return tokens
