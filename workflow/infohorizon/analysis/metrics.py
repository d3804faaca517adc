"""The benchmarks' own metrics, in their published units, of many runs at once and in bootstrap resamples of the images.

R samples (row 0 the data themselves, statistics.resample), C cells (a run over the questions: full, or one strategy,
layer, keep and repeat), G images.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infohorizon.analysis.statistics import Array
from infohorizon.benchmarks.base import Metric, Task

Key = tuple[str, str]
"""A metric's name and the category; "" is the whole benchmark."""
COLUMNS = 4096  # sums resampled in one matrix product


def published(task: Task, frame: pl.DataFrame) -> dict[Key, float]:
    """The metrics of one run, the benchmark's own first.

    Args:
        frame: one row per question: question_id, image_id, category, answers, answer, score.
    """
    images = frame["image_id"].unique().sort()
    found = draws(task, frame.with_columns(cell=pl.lit(0)), images, np.ones((1, len(images))))
    return {key: float(values[0, 0]) for key, values in found.items()}


def draws(task: Task, frame: pl.DataFrame, images: pl.Series, weights: Array) -> dict[Key, Array]:
    """Every metric in every category, group and as a whole → (C, R) values.

    A value is NaN where a resample holds no question of a category; 0 / 0 in the data themselves is 0 (POPE's F1 where
    nothing is positive).

    Args:
        frame: as for `published`, with `cell` from 0 to C − 1.
        images: the G image ids in the order of the weights' columns.
        weights: (R, G).
    """
    terms = task.terms(frame.with_columns(pl.col("question_id").cast(pl.String)))
    found: dict[Key, Array] = {}
    for metric in task.metrics:
        own = terms.filter(metric=metric.name)
        categories = own["category"].unique().sort().to_list()
        if not categories:
            continue
        sums = _sums(own, categories, images)
        step = max(1, COLUMNS // (sums.shape[1] * sums.shape[3] * sums.shape[4]))
        chunks = [_values(metric, categories, sums[:, :, cells], weights) for cells in _slices(sums.shape[2], step)]
        found |= {
            (metric.name, category): np.concatenate([chunk[category] for chunk in chunks], axis=1).T
            for category in chunks[0]
        }
    return found


def _sums(terms: pl.DataFrame, categories: Sequence[str], images: pl.Series) -> Array:
    """(G, 2, C, categories, terms): numerators and denominators, summed over the units of each image."""
    names = terms["term"].unique().sort().to_list()
    cells = int(terms["cell"].max()) + 1  # type: ignore[arg-type]
    by = ["image_id", "cell", "category", "term"]
    summed = terms.group_by(by).agg(pl.col("numerator", "denominator").sum())
    places = [
        _places(summed["image_id"], images),
        summed["cell"].to_numpy(),
        _places(summed["category"], categories),
        _places(summed["term"], names),
    ]
    sums = np.zeros((len(images), 2, cells, len(categories), len(names)))
    for index, column in enumerate(("numerator", "denominator")):
        sums[places[0], index, places[1], places[2], places[3]] = summed[column].to_numpy()
    return sums


def _values(metric: Metric, categories: Sequence[str], sums: Array, weights: Array) -> dict[str, Array]:
    """Category, group or "" → (R, C)."""
    numerator, denominator = np.moveaxis(_resampled(sums, weights), 1, 0)
    if metric.combine == "share":
        denominator = np.broadcast_to(denominator.sum(axis=2, keepdims=True), denominator.shape)
    each = metric.scale * _ratio(numerator, denominator).sum(axis=-1)

    def combined(chosen: list[int]) -> Array:
        if metric.combine == "pooled":
            pooled = _ratio(numerator[:, :, chosen].sum(axis=2), denominator[:, :, chosen].sum(axis=2))
            return metric.scale * pooled.sum(axis=-1)
        return each[:, :, chosen].mean(axis=2) if metric.combine == "mean" else each[:, :, chosen].sum(axis=2)

    values = {"": combined(list(range(len(categories))))}
    for group, members in metric.groups.items():
        if chosen := [index for index, category in enumerate(categories) if category in members]:
            values[group] = combined(chosen)
    if metric.categories and any(categories):
        values |= {category: each[:, :, index] for index, category in enumerate(categories)}
    return values


def _resampled(sums: Array, weights: Array) -> Array:
    """(R, 2, C, categories, terms): each category summed over its own images, which are often few."""
    found = np.empty((len(weights), *sums.shape[1:]))
    for category in range(sums.shape[3]):
        own = sums[:, :, :, category].reshape(len(sums), -1)
        used = own.any(axis=1)
        each = weights @ own if used.all() else weights[:, used] @ own[used]
        found[:, :, :, category] = each.reshape(len(weights), *sums.shape[1:3], -1)
    return found


def _ratio(numerator: Array, denominator: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = numerator / denominator
    ratio[0] = np.nan_to_num(ratio[0], nan=0.0)
    return ratio


def _places(values: pl.Series, order: Sequence[str] | pl.Series) -> NDArray[np.int64]:
    """Position of each value in `order`."""
    return values.cast(pl.Enum(order)).to_physical().cast(pl.Int64).to_numpy()


def _slices(count: int, step: int) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, count, step))
