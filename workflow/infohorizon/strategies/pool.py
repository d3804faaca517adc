"""Average pooling: what a coarser grid of tokens tells, without a choice."""

from torch import Tensor
from torch.nn.functional import one_hot

from infohorizon.strategies.base import Selection, Strategy, View
from infohorizon.strategies.stride import cells


class Pool(Strategy):
    """Averages the states of neighbouring tokens, in cells of the grid of `stride`: k × k where k divides its sides.

    The token in the middle of a cell stays, at its own position, with the mean of the cell's hidden states entering the
    layer. As many tokens stay as with `stride`, at the same places: the two differ in nothing but the average.
    """

    name = "pool"
    paper = "baseline"
    needs = "hidden states entering the layer (merged)"
    merges = True

    def select(self, view: View, keep: int) -> Selection:
        hidden = view.hidden()
        middles, members = view.noted(("pool", keep), lambda: self.members(view, keep, hidden))
        return Selection(middles, members @ hidden / members.sum(dim=1, keepdim=True))

    def members(self, view: View, keep: int, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(T,) the tokens in the middle of the cells, and (T, N) which tokens each has, as numbers like the states."""
        middles, cell = cells(view.places(), keep)
        # A product, not a scattered sum: the latter's rounding depends on thread order on a GPU.
        return middles, one_hot(cell, len(middles)).T.to(hidden)
