"""HoloV: a share of the budget for every part of the image."""

from typing import Any

import torch
from torch import Tensor

from infohorizon.strategies.base import Selection, Strategy, View, top


class HoloV(Strategy):
    """Gives each stretch of the image a quota by its mean saliency and keeps its most salient tokens.

    The stretches are contiguous in reading order (paper: before the decoder). The quota is floor(share · keep); what
    remains goes to the largest shares, one each. The authors' score of a stretch adds the variance of the tokens'
    similarity, rescaled to the mean saliency of the same stretch: that factor is the same for all of them, so it
    cancels from the shares and is left out. Differences: a quota above a stretch's size is handed on to the others by
    the same rule, where the original passes on fewer tokens and pads with zeros; stretches of one token count like all
    others, where the original gives them a thousandth; tokens stay in reading order, not in that of saliency.

    Args:
        chunks: number of stretches; by default 16/9 · N / keep, rounded down, as in the Qwen port. That is the 16 of
            LLaVA where 64 of 576 tokens stay.
    """

    name = "holov"
    paper = "Zou et al., Don't Just Chase “Highlighted Tokens” in MLLMs (HoloV), NeurIPS 2025, arXiv 2510.02912"
    needs = "vision-tower saliency"
    once = True
    published = "before the decoder"
    licence = "Apache-2.0"
    golden = True
    differs = (
        "what exceeds a stretch goes to the others, where theirs pads with zeros; stretches of one token count in full"
    )

    def __init__(self, chunks: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if chunks is not None and chunks < 1:
            raise ValueError(f"chunks is {chunks}; it must be a number of 1 or more")
        self.chunks = chunks

    def select(self, view: View, keep: int) -> Selection:
        number = self.chunks or max(1, 16 * view.count // (9 * keep))
        chunks = view.on_cpu("saliency").tensor_split(min(number, view.count))
        sizes = torch.tensor([len(chunk) for chunk in chunks])
        means = torch.stack([chunk.mean() for chunk in chunks]).double().nan_to_num()
        starts = (sizes.cumsum(dim=0) - sizes).tolist()
        shares = quotas(means, sizes, min(keep, view.count)).tolist()
        kept = [start + top(chunk, share) for start, chunk, share in zip(starts, chunks, shares, strict=True)]
        return Selection(torch.cat(kept))


def quotas(weights: Tensor, sizes: Tensor, keep: int) -> Tensor:
    """How many tokens each chunk keeps: proportional to the weights, at most its size, `keep` in all."""
    quota = torch.zeros_like(sizes)
    while (left := keep - int(quota.sum())) > 0:
        open_weights = weights.where(quota < sizes, -torch.inf)
        share = open_weights.clamp(min=0)
        extra = (share / share.sum().clamp(min=1e-12) * left).floor().long()
        # Stable order: equal weights are served from the top of the image.
        ranked = open_weights.sort(descending=True, stable=True).indices
        ranked = ranked[: int((quota < sizes).sum())]
        extra[ranked[: left - int(extra.sum())]] += 1
        quota = torch.minimum(quota + extra, sizes)
    return quota
