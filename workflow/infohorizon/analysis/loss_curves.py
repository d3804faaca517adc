"""What pruning costs at every layer and number of tokens, between the cells that a sweep measured.

A loss is one minus what is kept of an answer: `score`, the unpruned score minus the pruned one, or `agreement`, 1 where
the pruned answer differs from the unpruned one (no label is needed). Between measured keeps, and between the largest of
them and the whole image, where it is 0, it is linear in log(tokens); between no token (`drop-all`) and the smallest
measured keep linear in tokens; between measured layers linear in the layer. Outside the measured layers the nearest one
counts. Where the sweep lacks `drop-all`, nothing is said below the smallest measured keep.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from infohorizon.analysis.statistics import Array

Loss = Literal["score", "agreement"]
DROP_ALL = "drop-all"


def question_losses(pruned: pl.DataFrame, answers: pl.DataFrame, keys: Sequence[str], loss: Loss) -> pl.DataFrame:
    """Loss of every question in every cell, mean over repeats: question_id, *keys, loss.

    Args:
        pruned: rows of the sweep or schedules table (question_id, *keys, repeat, answer, score).
        answers: rows of the answers table; questions without an unpruned answer are left out.
        keys: the columns that make a cell.
    """
    full = answers.filter(condition="full").select("question_id", full_answer="answer", full_score="score")
    if loss == "agreement":
        lost = (pl.col("answer") != pl.col("full_answer")).cast(pl.Float64)
    else:
        lost = pl.col("full_score") - pl.col("score")
    by = ["question_id", *keys]
    return pruned.join(full, on="question_id").group_by(by).agg(loss=lost.mean()).sort(by)


class Curves(NamedTuple):
    """Loss by strategy, layer and number of visual tokens that stay.

    Attributes:
        names: the S strategies; `drop-all` last where it was swept.
        layers: the L measured layers, ascending.
        loss: (S, L, N + 1) for 0 … N tokens of an image of N; NaN where the strategy does not act, or is not known.
    """

    names: list[str]
    layers: list[int]
    loss: Array

    def at(self, name: str, layer: int, tokens: int) -> float:
        """Loss of one stage, between measured layers where need be; NaN for a strategy that was not swept."""
        if name not in self.names:
            return np.nan
        own = self.loss[self.names.index(name), :, tokens]
        known = np.isfinite(own)
        return float(np.interp(layer, np.array(self.layers)[known], own[known])) if known.any() else np.nan


def curves(cells: pl.DataFrame, count: int) -> Curves:
    """Curves from measured cells.

    Args:
        cells: strategy, layer, keep (a fraction of the tokens, or a number of them from 1), loss: one row per cell.
        count: N, tokens of an image.
    """
    names = sorted(cells["strategy"].unique(), key=lambda name: (name == DROP_ALL, name))
    layers = sorted(cells["layer"].unique())
    dropped = {row["layer"]: row["loss"] for row in cells.filter(strategy=DROP_ALL).iter_rows(named=True)}
    loss = np.full((len(names), len(layers), count + 1), np.nan)
    for (name, layer), rows in cells.partition_by("strategy", "layer", as_dict=True).items():
        own = loss[names.index(name), layers.index(layer)]
        if name == DROP_ALL:
            own[0] = dropped[layer]
        else:
            kept = np.where(rows["keep"] < 1, rows["keep"] * count, rows["keep"]).astype(float)
            own[1:count] = _between(kept, rows["loss"].to_numpy(), dropped.get(layer), count)
    return Curves(list(map(str, names)), list(map(int, layers)), loss)


def _between(kept: Array, loss: Array, dropped: float | None, count: int) -> Array:
    """Loss for 1 … N − 1 tokens, (N − 1,), interpolated between the numbers of tokens that were measured."""
    order = np.argsort(kept)
    kept, loss = kept[order], loss[order]
    inside = kept < count
    kept, loss = np.append(kept[inside], count), np.append(loss[inside], 0.0)
    tokens = np.arange(1, count)
    above = np.interp(np.log(tokens), np.log(kept), loss)
    below = np.nan if dropped is None else dropped + (loss[0] - dropped) * tokens / kept[0]
    return np.where(tokens >= kept[0], above, below)
