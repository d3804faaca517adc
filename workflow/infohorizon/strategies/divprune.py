"""DivPrune: the most diverse subset."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from infohorizon.strategies.base import Selection, Strategy, View


class DivPrune(Strategy):
    """Spreads the kept tokens: each pick is the token farthest, in cosine distance, from all picks before it.

    The first pick is the token farthest from its nearest neighbour (paper: on the input embeddings, layer 0).

    Args:
        faithful: as the authors run it: in half precision and with picked tokens left in the race. On clustered tokens
            it picks the same token again and again, so that fewer than `keep` stay. Default: float32, each token once.
    """

    name = "divprune"
    paper = "Alvar et al., DivPrune, CVPR 2025, arXiv 2503.02175"
    needs = "hidden states entering the layer"
    published = "before the decoder"
    licence = "CC BY-NC"
    golden = True
    differs = "float32, and no token is picked twice; option `faithful` is as theirs"
    reads = "layer"

    def __init__(self, faithful: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.faithful = faithful

    def order(self, view: View, keep: int) -> Tensor:
        """The picks in the order in which they are made."""
        hidden = view.hidden().half() if self.faithful else view.hidden().float()
        hidden = normalize(hidden, dim=1)
        distance = 1 - hidden @ hidden.T
        keep = min(keep, view.count)

        nearest_other = distance.clone().fill_diagonal_(torch.inf).amin(dim=1)
        picks = torch.empty(keep, dtype=torch.long, device=hidden.device)
        picks[0] = nearest_other.argmax()
        nearest_pick = distance[picks[0]].clone()
        for i in range(1, keep):
            if not self.faithful:
                nearest_pick[picks[i - 1]] = -torch.inf
            picks[i] = nearest_pick.argmax()
            torch.minimum(nearest_pick, distance[picks[i]], out=nearest_pick)
        return picks

    def select(self, view: View, keep: int) -> Selection:
        return Selection(self.order(view, keep).unique(sorted=True))
