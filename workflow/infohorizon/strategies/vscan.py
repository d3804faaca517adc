"""VScan: salient tokens of every part of the image and of the whole, and the others merged into them."""

import math
from typing import Any

import torch
from torch import Tensor

from infohorizon.strategies.base import Selection, Strategy, View, merged, top

SIDE = 4  # windows of the grid each way (equal), or tokens of a window each way (ranked)


class VScan(Strategy):
    """Half of `keep` from an early layer's attention, spread over windows; half from a late layer's; others merge.

    Attention is that of the vision tower's CLS token, or that which tokens receive. A token that does not stay is added
    to the one that stays whose state is most similar, and each sum is divided by the number of its members. This is the
    stage before the decoder (paper: layer 0); in the decoder the authors apply PyramidDrop's rule, see `schedules:` in
    config.yaml.

    Args:
        local: how the first half is spread. `ranked`, as for Qwen: windows of 4 × 4 tokens; the most salient tokens
            stay, but no window keeps more than its share, rounded up. `equal`, as for LLaVA: 4 × 4 windows, each keeps
            as many, rounded down. What that rounding loses goes to the second half, where the original keeps fewer.
    """

    name = "vscan"
    paper = "Zhang et al., VScan: Rethinking Visual Token Reduction …, TMLR 2026, arXiv 2505.22654"
    needs = "vision-tower saliency of an early and a late layer; hidden states entering the layer"
    published = "before the decoder, then PyramidDrop's rule at its middle"
    licence = "MIT"
    golden = True
    differs = "windows that lose tokens by rounding hand them on"
    merges = True

    def __init__(self, local: str = "ranked", **options: Any) -> None:
        super().__init__(**options)
        if local not in ("ranked", "equal"):
            raise ValueError(f"local is {local!r}; it must be ranked or equal")
        self.local = local

    def select(self, view: View, keep: int) -> Selection:
        if keep >= view.count:
            return Selection(torch.arange(view.count))
        states = view.hidden()
        chosen, others = view.noted(("vscan", self.local, keep), lambda: self.parts(view, keep))
        return Selection(chosen, merged(states, states, chosen, others)[chosen])

    def parts(self, view: View, keep: int) -> tuple[Tensor, Tensor]:
        """The tokens that stay and the others, ascending, on the view's device."""
        kept = torch.zeros(view.count, dtype=torch.bool)
        kept[self.spread(view, keep // 2)] = True
        late = view.on_cpu("saliency").masked_fill(kept, -torch.inf)
        kept[top(late, keep - int(kept.sum()))] = True
        chosen, others = (mask.nonzero().flatten().to(view.present.device) for mask in (kept, ~kept))
        return chosen, others

    def spread(self, view: View, number: int) -> Tensor:
        """The most salient tokens of an early layer, about `number` in all, from every window."""
        early, places = view.on_cpu("saliency", early=True), view.places()
        grid = torch.tensor(view.grid)
        if self.local == "equal":
            window, each = places * SIDE // grid, number // SIDE**2
            most = SIDE**2 * each
        else:
            across = (grid // SIDE).clamp(min=1)
            window, each = torch.minimum(places // SIDE, across - 1), math.ceil(number / int(across.prod()))
            most = number
        window = window[:, 0] * len(early) + window[:, 1]
        ranked = early.nan_to_num(-torch.inf).sort(descending=True, stable=True).indices
        # Rank of each token inside its window, found where the tokens of a window stand side by side.
        grouped = ranked[window[ranked].sort(stable=True).indices]
        sizes = window.unique(return_counts=True)[1]
        rank = torch.empty_like(ranked)
        rank[grouped] = torch.cat([torch.arange(size) for size in sizes])
        return ranked[rank[ranked] < each][:most]
