"""Bootstrap intervals of many runs' metrics at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from infohorizon.analysis.statistics import Array, percentile_interval


@dataclass(frozen=True)
class Settings:
    """Of the intervals: confidence, bootstrap resamples of the images, and the seed of their draws."""

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0


def ratio(values: Array, full: Array) -> Array:
    """values / full; NaN where that is no number."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = values / full
    return np.where(np.isfinite(found), found, np.nan)


def interval_rows(sampled: Mapping[str, Array], settings: Settings, images: int = 2) -> list[dict[str, float | None]]:
    """Of each run the values and their percentile intervals over the resamples in which they exist.

    Args:
        sampled: beginning of the columns' names (empty: value, low, high) → (runs, 1 + resamples).
        images: of one there is no interval.
    """
    columns = {}
    for prefix, values in sampled.items():
        known = np.where(np.isfinite(values), values, np.nan)
        ends = (
            percentile_interval(known[:, 1:].T, settings.confidence) if images > 1 else np.full((2, len(known)), np.nan)
        )
        names = (prefix, f"{prefix}_low", f"{prefix}_high") if prefix else ("value", "low", "high")
        for name, column in zip(names, (known[:, 0], *ends), strict=True):
            columns[name] = [None if np.isnan(value) else value for value in column.tolist()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
