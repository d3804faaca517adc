"""Means with bootstrap intervals over images, against known widths and written-out resamples."""

import math

import numpy as np
import polars as pl
import pytest

from infohorizon.analysis.intervals import intervals
from infohorizon.analysis.statistics import resample


def test_intervals_hold_the_mean_and_resample_images() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"model": "m", "benchmark": "b", "image_id": str(image), "cell": cell, "score": float(rng.random() < 0.5)}
        for image in range(200)
        for cell in (1, 2)
        for _ in range(2)
    ]
    frame = pl.DataFrame(rows)
    result = intervals(frame, ["cell"])
    for row in result.iter_rows(named=True):
        values = frame.filter(cell=row["cell"])["score"]
        assert row["mean"] == pytest.approx(values.mean())
        assert row["low"] < row["mean"] < row["high"]
        assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(400), rel=0.2)
        assert row["questions"] == 400
    doubled = pl.concat([frame, frame])  # the same images twice as often: no more information
    assert intervals(doubled, ["cell"]).select("low", "high").equals(result.select("low", "high"))


def test_a_frame_without_rows_has_the_columns_of_others() -> None:
    row = {"model": "m", "benchmark": "b", "image_id": "i", "layer": 0, "score": 1.0}
    one = intervals(pl.DataFrame(row), ["layer"])
    assert one.height == 1 and intervals(pl.DataFrame(row).clear(), ["layer"]).schema == one.schema


def test_intervals_are_those_of_written_out_resamples_also_where_a_cell_lacks_images() -> None:
    """Cell 1 has three images, cell 2 only the last: samples without it say nothing of cell 2."""
    scores = {1: {"0": [0.0, 0.2], "1": [1.0], "2": [0.5]}, 2: {"2": [0.1, 0.7]}}
    rows = [
        {"model": "m", "benchmark": "b", "image_id": image, "cell": cell, "score": score}
        for cell, images in scores.items()
        for image, values in images.items()
        for score in values
    ]
    result = intervals(pl.DataFrame(rows), ["cell"], confidence=0.8, resamples=50)
    weights = resample(3, 50, seed=0)
    for cell, images in scores.items():
        drawn = []
        for counts in weights:
            sample = [score for image in images for score in images[image] * int(counts[int(image)])]
            if sample:
                drawn.append(sum(sample) / len(sample))
        mean, *draws = drawn
        draws.sort()
        row = result.filter(cell=cell).row(0, named=True)
        # The smallest value with at least 10 % and 90 % of the draws at or below it.
        ends = [draws[math.ceil(share * len(draws) - 1e-9) - 1] for share in (0.1, 0.9)]
        assert [row["mean"], row["low"], row["high"]] == pytest.approx([mean, *ends])
    assert len(draws) < 50
