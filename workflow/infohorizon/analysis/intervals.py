"""Means over questions with bootstrap intervals over images, for the cells of a frame (observations.py)."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from infohorizon.analysis.statistics import Clusters, bootstrap


def intervals(
    frame: pl.DataFrame,
    by: Sequence[str],
    value: str = "score",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Mean of `value` over questions with a percentile bootstrap interval over images.

    All cells of one (model, benchmark) are resampled with the same images, so curves move together; a cell may lack
    some images.

    Args:
        by: the columns that make a cell, beside model and benchmark.

    Returns:
        model, benchmark, *by, mean, low, high, questions; sorted. Of a frame without rows, no rows.
    """
    sums = frame.group_by("model", "benchmark", *by, "image_id").agg(total=pl.col(value).sum(), count=pl.len())
    names = {name: frame.schema[name] for name in ("model", "benchmark", *by)}
    numbers = {"mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "questions": pl.Int64}
    results = [pl.DataFrame(schema={**names, **numbers})]
    for _, own in sums.group_by("model", "benchmark"):
        cells = own.select("model", "benchmark", *by).unique().sort(by)
        data = _clusters(own, cells)
        mean, low, high = bootstrap(data, confidence, resamples, seed)
        questions = data.sizes.sum(axis=0).astype(int)
        columns = {"mean": mean, "low": low, "high": high, "questions": questions}
        results.append(cells.with_columns(pl.Series(name, values) for name, values in columns.items()))
    return pl.concat(results).sort("model", "benchmark", *by)


def _clusters(sums: pl.DataFrame, cells: pl.DataFrame) -> Clusters:
    """Rows (image, cell, total, count) of one model and benchmark as clusters: images sorted, cells in this order."""
    images = sums.select("image_id").unique().sort("image_id").with_row_index("row")
    placed = sums.join(images, on="image_id").join(cells.with_row_index("column"), on=cells.columns, nulls_equal=True)
    totals, counts = np.zeros((2, images.height, cells.height))
    totals[placed["row"], placed["column"]] = placed["total"]
    counts[placed["row"], placed["column"]] = placed["count"]
    return Clusters(totals, counts)
