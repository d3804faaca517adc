"""A uniform grid: the control that looks at nothing and covers everything."""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from infohorizon.strategies.base import Selection, Strategy, View

WIDEST = 2.0  # cells may be so much longer one way than the other, in exchange for a number of cells nearer to `keep`


class Stride(Strategy):
    """Keeps a uniform grid of tokens, one in the middle of each of r × c cells of the image, whatever it shows.

    r · c is the largest number up to `keep` whose cells are at most twice as long one way as the other; of equal
    numbers, the one with the most even cells. So 12 of 13 stay on a square grid, and 20 of 20. In a later stage the
    cells divide what is left of the image: the token nearest to each cell's middle stays, none where a cell is empty.
    """

    name = "stride"
    paper = "baseline"
    needs = "nothing"
    once = True

    def select(self, view: View, keep: int) -> Selection:
        return Selection(cells(view.places(), keep).middles)


class Cells(NamedTuple):
    """middles: (T,) the token in the middle of each cell, ascending; cell: (N,) each token's cell, 0 … T−1."""

    middles: Tensor
    cell: Tensor


def cells(places: Tensor, keep: int) -> Cells:
    """Divide the smallest rectangle around the tokens into at most `keep` cells; empty ones do not count.

    Args:
        places: (N, 2) row and column of each token, N ≥ 1.
    """
    places = places - places.amin(dim=0)
    sides = (places.amax(dim=0) + 1).tolist()
    centres, index = [], []
    for axis, (side, parts) in enumerate(zip(sides, shape(*sides, keep), strict=True)):
        bounds = torch.arange(parts + 1) * side // parts
        part = torch.searchsorted(bounds, places[:, axis].contiguous(), right=True) - 1
        index.append(part)
        centres.append(((bounds[:-1] + bounds[1:]) // 2)[part])
    distance = (places - torch.stack(centres, dim=1)).square().sum(dim=1)
    cell = torch.unique(torch.stack(index, dim=1), dim=0, return_inverse=True)[1]
    nearest = distance.sort(stable=True).indices  # by cell then by distance; ties go to the earlier token
    nearest = nearest[cell[nearest].sort(stable=True).indices]
    first = torch.cat([torch.tensor([True]), cell[nearest].diff() > 0])
    middles, order = nearest[first].sort()
    return Cells(middles, order.argsort()[cell])


@cache
def shape(rows: int, columns: int, keep: int) -> tuple[int, int]:
    """How many cells down and across a grid of tokens, see `Stride`."""

    def merit(cells: tuple[int, int]) -> tuple[bool, int, float]:
        length = rows * cells[1] / (columns * cells[0])
        stretch = max(length, 1 / length)
        return stretch <= WIDEST, cells[0] * cells[1], -stretch

    downs = range(1, min(rows, keep) + 1)
    return max(((down, across) for down in downs for across in range(1, min(columns, keep // down) + 1)), key=merit)
