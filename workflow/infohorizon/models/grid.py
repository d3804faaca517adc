"""The grid of visual tokens: square windows of it."""

import torch
from torch import Tensor


def windows(grid: tuple[int, int], side: int) -> list[Tensor]:
    """Token indices of each side × side window in reading order of the window grid; edge windows may be smaller."""
    rows, columns = grid
    index = torch.arange(rows * columns).reshape(grid)
    return [
        index[top : top + side, left : left + side].flatten()
        for top in range(0, rows, side)
        for left in range(0, columns, side)
    ]
