"""Token information as a pruning strategy reads it: from the information table to one score per token."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from infohorizon import tables
from infohorizon.errors import UserError
from infohorizon.measure.windows import windows
from infohorizon.strategies.base import Measure

COLUMNS: dict[Measure, str] = {"first token": "information", "whole answer": "answer_information"}


class Oracle:
    """Information per token from a part of the information table, for strategy `information`.

    Args:
        path: part of the information table, or None where no strategy asks.
        window: side of its windows.
    """

    def __init__(self, path: str | None, window: int | None) -> None:
        self.window = None if path is None else window
        self.scores: dict[tuple[str, int], dict[str, list[float]]] = {}
        if path is not None:
            rows = tables.read(path, "information").sort("question_id", "layer", "window")
            groups = rows.group_by("question_id", "layer", maintain_order=True).agg(COLUMNS.values())
            self.scores = {(row["question_id"], row["layer"]): row for row in groups.iter_rows(named=True)}

    def scores_of(self, question_id: str, grid: tuple[int, int]) -> Callable[[int, Measure], Tensor] | None:
        """(layer, of what) → (N,) scores for one question, or None where there is no table."""
        return None if self.window is None else partial(self._scores, self.window, question_id, grid)

    def _scores(self, window: int, question_id: str, grid: tuple[int, int], layer: int, by: Measure) -> Tensor:
        if (question_id, layer) not in self.scores:
            raise UserError(
                f"the information table lacks layer {layer} of question {question_id}: run information again."
            )
        out = torch.empty(grid[0] * grid[1])
        for tokens, score in zip(windows(grid, window), self.scores[question_id, layer][COLUMNS[by]], strict=True):
            out[tokens] = score
        return out
