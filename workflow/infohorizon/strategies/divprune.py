"""DivPrune: the most diverse subset."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from infohorizon.strategies.base import Selection, Strategy, View

DISTANCES = 1 << 26  # held at a time: those of all layers of most images, and of one layer of the largest


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

    def select(self, view: View, keep: int) -> Selection:
        """The picks for a smaller keep are the first of those for a larger one: the orders are made once, of as many
        layers together as memory allows."""
        keep = min(keep, view.count)
        key = "divprune", self.faithful
        if len(view.notes.get((*key, view.layer), ())) < keep:
            views, at_once = view.together(), max(1, DISTANCES // view.count**2)
            for start in range(0, len(views), at_once):
                some = views[start : start + at_once]
                orders = self.orders(torch.stack([self.distances(other) for other in some]), keep)
                orders = orders.cpu() if self.faithful else orders  # how many differ is counted on the CPU
                view.notes |= {(*key, other.layer): order for other, order in zip(some, orders, strict=True)}
        picks = view.notes[(*key, view.layer)][:keep]
        return Selection(picks.unique(sorted=True) if self.faithful else picks.sort().values)

    def distances(self, view: View) -> Tensor:
        """(N, N) cosine distances of a layer's tokens."""
        hidden = normalize(view.hidden().half() if self.faithful else view.hidden().float(), dim=1)
        return 1 - hidden @ hidden.T

    def orders(self, distances: Tensor, keep: int) -> Tensor:
        """(L, keep) picks in the order in which they are made, from distances (L, N, N) at L layers; no value is read
        back from the device on the way."""
        others = distances.clone()
        others.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        pick = others.amin(dim=2).argmax(dim=1, keepdim=True)  # (L, 1): one at each layer

        def to_pick() -> Tensor:
            """(L, N) distances to the last picks."""
            return distances.take_along_dim(pick[:, :, None], dim=1)[:, 0]

        picks, nearest_pick = [pick], to_pick()
        for _ in range(1, keep):
            if not self.faithful:
                nearest_pick.scatter_(1, pick, -torch.inf)
            pick = nearest_pick.argmax(dim=1, keepdim=True)
            picks.append(pick)
            nearest_pick = torch.minimum(nearest_pick, to_pick())
        return torch.cat(picks, dim=1)
