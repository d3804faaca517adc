"""HiPrune: objects and their surroundings from a middle layer of the vision tower, the rest from a late one."""

from typing import Any

import torch
from torch import Tensor

from infohorizon.strategies.base import Selection, Strategy, View, top


class HiPrune(Strategy):
    """Keeps what a middle layer of the vision tower attends to most, its neighbours, and what a late layer attends to.

    Anchors are the round(keep · alpha / 5) tokens that receive most attention in the middle layer (halves to even: none
    for a keep up to 25 by default). Their four neighbours in the grid also stay, then the tokens that receive most
    attention in the late layer, up to `keep` (paper: before the decoder). As in the original a neighbour beside the
    grid's edge is the token across it in reading order, and one above or below the grid is its first or last token.
    Differences: a token is never chosen twice, where the Qwen port may do so and pass on fewer; and neighbours that an
    earlier stage removed are left out.

    Args:
        alpha: share of `keep` that anchors and neighbours take, about.
    """

    name = "hiprune"
    paper = "Liu et al., HiPrune: Training-Free Visual Token Pruning …, Findings of ACL 2026, arXiv 2508.00553"
    needs = "attention received in a middle and a late layer of the vision tower"
    once = True
    published = "before the decoder"
    licence = "MIT"
    golden = True
    differs = "no token is chosen twice, which in the Qwen port lets fewer stay"

    def __init__(self, alpha: float = 0.1, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha is {alpha}; it must be a share between 0 and 1")
        self.alpha = alpha

    def select(self, view: View, keep: int) -> Selection:
        keep = min(keep, view.count)
        chosen = self.group(view, keep)
        late = view.on_cpu("received").masked_fill(chosen, -torch.inf)
        chosen[top(late, keep - int(chosen.sum()))] = True
        return Selection(chosen.nonzero().flatten())

    def group(self, view: View, keep: int) -> Tensor:
        """Which tokens are anchors or their neighbours, (N,) bool on the CPU; at most `keep`."""
        anchors = top(view.on_cpu("received", middle=True), min(round(keep * self.alpha / 5), keep // 5))
        rows, columns = view.grid
        steps = torch.tensor([0, -1, 1, -columns, columns])
        places = view.places()
        present = places[:, 0] * columns + places[:, 1]
        neighbours = (present[anchors, None] + steps).clamp(0, rows * columns - 1)
        return torch.isin(present, neighbours)
