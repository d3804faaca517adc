"""What each image contributes to the loss of a benchmark's own metric when every visual token is dropped.

A metric such as MME's total or F1 is no mean over questions and has no paired differences to test. Tested are, instead,
its jackknife pseudo-values (Tukey, 1958): G·θ − (G − 1)·θ₋g, with θ the metric of all G images and θ₋g that without
image g. Their mean estimates the metric; each counts as one observation.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from infohorizon.analysis.metric_table import Answered
from infohorizon.analysis.metrics import draws
from infohorizon.analysis.statistics import Array

ROWS = 1000  # images left out in one call


def loss_rows(answered: Answered) -> Iterator[dict[str, Any]]:
    """Rows of the losses table: per layer and image, the loss as a share of the full model's metric.

    Where the full model's metric is 0 nothing can be lost: no rows.
    """
    dropped = [frame for frame in answered.pruned if frame["name"][0] == "drop-all"]
    if not dropped:
        return
    full = answered.full_and_blind.filter(condition="full")
    same = full.join(dropped[0].select("question_id").unique(), on="question_id", how="semi")
    layers = dropped[0]["layer"].unique().sort()
    numbered = pl.DataFrame({"layer": [None, *layers]}, {"layer": pl.Int32}).with_row_index("cell")
    frame = pl.concat([same, dropped[0]]).join(numbered, on="layer", nulls_equal=True)
    about = answered.questions.select("question_id", "image_id", "category", "answers")
    frame = frame.join(about, on="question_id")
    images = frame["image_id"].unique().sort()
    if len(images) < 2:
        return
    whole, pseudo = pseudo_values(answered, frame, images)
    if whole[0] == 0:
        return
    losses = (pseudo[:1] - pseudo[1:]) / whole[0]  # (layers, G)
    for layer, row in zip(layers, losses, strict=True):
        for image, loss in zip(images, row, strict=True):
            yield {
                "model": answered.model,
                "benchmark": answered.benchmark,
                "layer": layer,
                "image_id": image,
                "loss": float(loss),
            }


def pseudo_values(answered: Answered, frame: pl.DataFrame, images: pl.Series) -> tuple[Array, Array]:
    """The own metric of each cell (C,), and its jackknife pseudo-values (C, G)."""
    count, key = len(images), (answered.task.metrics[0].name, "")
    left_out = []
    for start in range(0, count, ROWS):
        weights = np.ones((1 + min(ROWS, count - start), count))
        weights[np.arange(1, len(weights)), np.arange(start, start + len(weights) - 1)] = 0
        values = draws(answered.task, frame, images, weights)[key]  # (C, 1 + images left out)
        left_out.append(np.where(np.isnan(values[:, 1:]), values[:, :1], values[:, 1:]))  # a category's only image
    return values[:, 0], count * values[:, :1] - (count - 1) * np.concatenate(left_out, axis=1)
