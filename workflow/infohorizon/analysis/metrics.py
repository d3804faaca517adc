"""The benchmarks' own metrics, in their published units, of many runs at once and in bootstrap resamples of the images.

R samples (row 0 the data themselves, statistics.resample), C cells (a run over the questions: full, or one strategy,
layer, keep and repeat), G images.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infohorizon.analysis.statistics import Array
from infohorizon.benchmarks.base import Metric, Task

Key = tuple[str, str]
"""A metric's name and the category; "" is the whole benchmark."""
COLUMNS = 4096  # sums resampled in one matrix product


class Sums(NamedTuple):
    """What the values of a metric in one category are made of.

    Attributes:
        images: (g,) those that have questions of the category, as columns of the weights.
        sums: (g, 2, C, terms) numerators and denominators, summed over the units of each image.
    """

    images: NDArray[np.int64]
    sums: Array


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
        if own.is_empty():
            continue
        sums = _sums(own, images)
        _, _, count, size = next(iter(sums.values())).sums.shape
        for cells in _slices(count, max(1, COLUMNS // (2 * len(sums) * size))):
            chunk = {category: Sums(part.images, part.sums[:, :, cells]) for category, part in sums.items()}
            for category, values in _values(metric, chunk, weights).items():
                key = metric.name, category
                if key not in found:
                    found[key] = np.empty((count, len(weights)))
                found[key][cells] = values.T
    return found


def _sums(terms: pl.DataFrame, images: pl.Series) -> dict[str, Sums]:
    """Category → its sums; one array for all would hold a place for every image in every category."""
    names = terms["term"].unique().sort()
    cells = int(terms["cell"].max()) + 1  # type: ignore[arg-type]
    summed = terms.group_by("category", "image_id", "cell", "term").agg(pl.col("numerator", "denominator").sum())
    placed = summed.with_columns(_place("image_id", images), _place("term", names))
    found = {}
    for (category,), own in sorted(placed.partition_by("category", as_dict=True).items()):
        used, rows = np.unique(own["image_id"].to_numpy(), return_inverse=True)
        sums = np.zeros((len(used), 2, cells, len(names)))
        for index, column in enumerate(("numerator", "denominator")):
            sums[rows, index, own["cell"].to_numpy(), own["term"].to_numpy()] = own[column].to_numpy()
        found[category] = Sums(used, sums)
    return found


def _values(metric: Metric, sums: Mapping[str, Sums], weights: Array) -> dict[str, Array]:
    """Category, group or "" → (R, C)."""
    categories = list(sums)
    numerator, denominator = np.moveaxis(_resampled(list(sums.values()), weights), 1, 0)
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
    if metric.categories:  # questions without a category count in the whole alone, which is called ""
        values |= {category: each[:, :, index] for index, category in enumerate(categories) if category}
    return values


def _resampled(sums: Sequence[Sums], weights: Array) -> Array:
    """(R, 2, C, categories, terms): each category summed over its own images, which are often few."""
    _, _, cells, terms = sums[0].sums.shape
    found = np.empty((len(weights), 2, cells, len(sums), terms))
    for category, (images, part) in enumerate(sums):
        own = part.reshape(len(part), -1)
        used = own.any(axis=1)
        every = used.sum() == weights.shape[1]
        each = weights @ own if every else weights[:, images[used]] @ own[used]
        found[:, :, :, category] = each.reshape(len(weights), 2, cells, terms)
    return found


def _ratio(numerator: Array, denominator: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = numerator / denominator
    ratio[0] = np.nan_to_num(ratio[0], nan=0.0)
    return ratio


def _place(column: str, order: pl.Series) -> pl.Expr:
    """Position of each value of a column in `order`."""
    return pl.col(column).cast(pl.Enum(order)).to_physical().cast(pl.Int64)


def _slices(count: int, step: int) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, count, step))
