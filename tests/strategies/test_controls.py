"""Controls that look at nothing: a uniform grid, and its cells averaged."""

import pytest
import torch
from array_view import random_view
from torch.nn.functional import avg_pool2d

from infohorizon.strategies import create


def naive_cells(places, middles, down, across):
    """Cell of each token and the nearest token to each cell's middle, token by token."""
    top, left = min(row for row, _ in places), min(column for _, column in places)
    height = max(row for row, _ in places) - top + 1
    width = max(column for _, column in places) - left + 1
    rows = [height * i // down for i in range(down + 1)]
    columns = [width * i // across for i in range(across + 1)]
    found = {}
    for i in range(down):
        for j in range(across):
            members = [
                t for t, (row, column) in enumerate(places)
                if rows[i] <= row - top < rows[i + 1] and columns[j] <= column - left < columns[j + 1]
            ]  # fmt: skip
            if members:
                centre = (rows[i] + rows[i + 1]) // 2 + top, (columns[j] + columns[j + 1]) // 2 + left
                far = [(places[t][0] - centre[0]) ** 2 + (places[t][1] - centre[1]) ** 2 for t in members]
                found[members[far.index(min(far))]] = members
    assert sorted(found) == middles
    return found


GRIDS = [((8, 8), 20, (4, 5)), ((7, 5), 13, (4, 3)), ((24, 24), 180, (12, 15)), ((1, 9), 5, (1, 5))]


@pytest.mark.parametrize(("grid", "keep", "division"), GRIDS)
def test_one_token_in_the_middle_of_each_cell(grid, keep, division):
    view = random_view(grid[0] * grid[1], grid=grid)
    kept = create("stride").select(view, keep).kept.tolist()
    cells = naive_cells(view.places().tolist(), kept, *division)
    sizes = {len(members) for members in cells.values()}
    assert len(cells) == division[0] * division[1] and max(sizes) <= (min(sizes) ** 0.5 + 1) ** 2


@pytest.mark.parametrize(("grid", "keep", "division"), GRIDS)
def test_pooled_states_are_means_of_cells(grid, keep, division):
    view = random_view(grid[0] * grid[1], grid=grid)
    kept, states = create("pool").select(view, keep)
    assert kept.tolist() == create("stride").select(view, keep).kept.tolist()
    for token, members in naive_cells(view.places().tolist(), kept.tolist(), *division).items():
        mean = torch.stack([view.hidden()[member] for member in members]).mean(dim=0)
        torch.testing.assert_close(states[kept.tolist().index(token)], mean)


@pytest.mark.parametrize(("side", "keep"), [(2, 36), (3, 16), (4, 9), (6, 4)])
def test_pooling_by_k_equals_average_pooling(side, keep):
    view = random_view(144)
    states = create("pool").select(view, keep).states
    expected = avg_pool2d(view.hidden().T.unflatten(1, (12, 12))[None], side)[0].flatten(1).T
    torch.testing.assert_close(states, expected)


def test_in_a_later_stage_cells_divide_what_is_left():
    view = random_view(64)
    left = torch.randperm(64, generator=torch.Generator().manual_seed(1))[:30].sort().values
    left = left[left >= 24]  # nothing of the first three rows
    view.count, view.present, view.tensors = len(left), left, {"hidden": {"visual": view.hidden()[left]}}
    kept, states = create("pool").select(view, 6)
    cells = naive_cells(view.places().tolist(), kept.tolist(), 2, 3)
    assert sum(len(members) for members in cells.values()) == len(left)
    assert torch.allclose(states[0], view.hidden()[cells[int(kept[0])]].mean(dim=0))
