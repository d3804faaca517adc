"""VisionZip: salient tokens, and the rest merged into a few."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from infohorizon.strategies.base import Selection, Strategy, View, top
from infohorizon.units import share_of


class VisionZip(Strategy):
    """Keeps the most salient tokens of the vision tower and merges the others into a few evenly spaced targets.

    A target becomes its own state plus the mean of the states assigned to it; a token is assigned to the target whose
    vision-tower key is most similar. States are vision features before the projector at layer 0, as in the original,
    and the hidden states entering a later layer. Differences: kept tokens stay in reading order; and the CLS token,
    which the original counts among the salient tokens, is no visual token here and is not passed on.

    Args:
        contextual: share of `keep` that are targets (the paper's 10 of 64).
    """

    name = "visionzip"
    paper = "Yang et al., VisionZip: Longer is Better but Not Necessary …, 2024, arXiv 2412.04467"
    needs = "vision-tower saliency and keys; vision features (layer 0), hidden states entering the layer"
    published = "before the decoder"
    licence = "Apache-2.0"
    golden = True
    differs = "the CLS token is not passed on; kept tokens stay in reading order"
    merges = True

    def __init__(self, contextual: float = 10 / 64, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= contextual <= 1:
            raise ValueError(f"contextual is {contextual}; it must be a share between 0 and 1")
        self.contextual = contextual

    def select(self, view: View, keep: int) -> Selection:
        if keep >= view.count:
            return Selection(torch.arange(view.count))
        kept, *merging = view.noted(("visionzip", self.contextual, keep), lambda: self.parts(view, keep))
        if not merging:
            return Selection(kept)
        targets, others, assigned = merging
        unmerged = view.features() if view.layer == 0 else view.hidden()
        assigned = assigned.to(unmerged)
        mean = assigned @ unmerged[others] / assigned.sum(dim=1, keepdim=True).clamp(min=1)
        merged = unmerged[targets] + mean
        states = view.hidden().clone()
        states[targets] = view.projected(merged) if view.layer == 0 else merged
        return Selection(kept, states[kept])

    def parts(self, view: View, keep: int) -> tuple[Tensor, ...]:
        """What the image alone decides, on the view's device.

        Returns: indices of the tokens that stay; and where some are targets, indices of these and of the others, and
            which of the others each target takes up, (targets, others). All ascending.
        """
        contextual = share_of(self.contextual, keep)
        kept = torch.zeros(view.count, dtype=torch.bool)
        kept[top(view.on_cpu("saliency"), keep - contextual)] = True
        parts: tuple[Tensor, ...] = ()
        if contextual:
            rest = (~kept).nonzero().flatten()
            targets = rest[:: len(rest) // contextual][:contextual]
            kept[targets] = True
            others = (~kept).nonzero().flatten()
            keys = normalize(view.on_cpu("vision_keys"), dim=1)
            nearest = (keys[others] @ keys[targets].T).argmax(dim=1)
            # A product, not a scattered sum: the latter's rounding depends on thread order on a GPU.
            parts = targets, others, one_hot(nearest, contextual).T
        return tuple(part.to(view.present.device) for part in (kept.nonzero().flatten(), *parts))
