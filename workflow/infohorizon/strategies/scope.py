"""SCOPE: salient tokens that cover what is not covered yet."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from infohorizon.strategies.base import Selection, Strategy, View


class Scope(Strategy):
    """Picks salient tokens that resemble many tokens which no earlier pick resembles (paper: before the decoder).

    A token i is covered by the largest cosine c_i of its vision features with a pick's, at least 0. The gain of token j
    is Σ_i max(0, S_ij − c_i), times its saliency to the power of alpha; the largest is picked. Duplicates of picks,
    whose gain is 0, come last.

    Args:
        alpha: how much saliency counts.
        combine: `multiply`, or `add`: the gain plus the saliency to the power of alpha. For adding its scale matters:
            the authors sum the attention over heads, which are 16 in CLIP's large towers.
        heads: number of heads, for `add` alone.
    """

    name = "scope"
    paper = "Deng et al., SCOPE: Saliency-Coverage Oriented Token Pruning …, NeurIPS 2025"
    needs = "vision-tower saliency; vision features"
    once = True
    published = "before the decoder"
    licence = "none"
    golden = True

    def __init__(self, alpha: float = 1.0, combine: str = "multiply", heads: int = 16, **options: Any) -> None:
        super().__init__(**options)
        if combine not in ("multiply", "add"):
            raise ValueError(f"combine is {combine!r}; it must be multiply or add")
        self.alpha, self.combine, self.heads = alpha, combine, heads

    def order(self, view: View, keep: int) -> Tensor:
        """The picks in the order in which they are made."""
        keep = min(keep, view.count)
        features = normalize(view.features(), dim=1)
        similarity = features @ features.T
        weight = (self.heads * view.saliency()) ** self.alpha
        covered = similarity.new_zeros(view.count)
        left = torch.ones(view.count, dtype=torch.bool, device=similarity.device)
        picks = []
        for _ in range(keep):
            gains = (similarity - covered).clamp(min=0).sum(dim=1)  # symmetric: a row is a candidate
            gains = gains * weight if self.combine == "multiply" else gains + weight
            pick = gains.where(left, -torch.inf).argmax(keepdim=True)  # (1,): not read back as an index
            picks.append(pick)
            covered = torch.maximum(covered, similarity.index_select(0, pick)[0])
            left.index_fill_(0, pick, False)
        return torch.cat(picks)

    def select(self, view: View, keep: int) -> Selection:
        return Selection(self.order(view, keep).sort().values)
