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
        """The picks in the order in which they are made; no value is read back from the device on the way."""
        hidden = view.hidden().half() if self.faithful else view.hidden().float()
        hidden = normalize(hidden, dim=1)
        distance = 1 - hidden @ hidden.T
        keep = min(keep, view.count)

        nearest_other = distance.clone().fill_diagonal_(torch.inf).amin(dim=1)
        pick = nearest_other.argmax(keepdim=True)
        picks, nearest_pick = [pick], distance.index_select(0, pick)[0]
        for _ in range(1, keep):
            if not self.faithful:
                nearest_pick.index_fill_(0, pick, -torch.inf)
            pick = nearest_pick.argmax(keepdim=True)
            picks.append(pick)
            nearest_pick = torch.minimum(nearest_pick, distance.index_select(0, pick)[0])
        return torch.cat(picks)

    def select(self, view: View, keep: int) -> Selection:
        """The picks for a smaller keep are the first of those for a larger one: a layer's order is made once."""
        key = ("divprune", self.faithful, view.layer)
        if len(view.notes.get(key, ())) < min(keep, view.count):
            order = self.order(view, keep)
            view.notes[key] = order.cpu() if self.faithful else order  # how many differ is counted on the CPU
        picks = view.notes[key][:keep]
        return Selection(picks.unique(sorted=True) if self.faithful else picks.sort().values)
