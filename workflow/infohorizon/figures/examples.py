"""Which questions are shown as examples, and everything the heat maps and the explorer show of them."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from infohorizon import tables
from infohorizon.analysis import summaries
from infohorizon.figures.heatmaps import Example

__all__ = ["Example", "clearest", "evenly", "load"]


def clearest(information: pl.DataFrame, model: str, benchmark: str) -> list[str]:
    """The question whose largest |information| at any layer is the largest of its benchmark: the clearest example."""
    rows = information.filter(model=model, benchmark=benchmark)
    return rows.sort("largest", "question_id", descending=[True, False])["question_id"].head(1).to_list()


def evenly(questions: pl.Series, count: int) -> list[str]:
    """`count` of the questions, evenly spaced over their sorted ids: no choice by result."""
    ids = questions.unique().sort()
    return ids.gather(np.unique(np.linspace(0, len(ids) - 1, min(count, len(ids))).round().astype(int))).to_list()


def load(
    model: str,
    benchmark: str,
    chosen: Sequence[str],
    asked: pl.DataFrame,
    images: str,
    information: Sequence[str],
    vision: Sequence[str],
    window: int,
) -> list[Example]:
    """The chosen questions of one model and benchmark, in the order given.

    Args:
        asked: `summaries.questions`.
        images, information, vision: paths of the images table and of the stages' parts.
    """
    questions = {row["question_id"]: row for row in asked.filter(benchmark=benchmark).iter_rows(named=True)}
    wanted = [questions[question]["image_id"] for question in chosen]
    pictures = _by_id(tables.read(images, "images").filter(pl.col("image_id").is_in(wanted)))
    grids = _by_id(summaries.read(vision, "vision", ["image_id", "grid_height", "grid_width"]))
    columns = ["question_id", "layer", "window", "information"]
    rows = pl.concat(
        summaries.read(part, "information", columns).filter(pl.col("question_id").is_in(chosen)) for part in information
    )
    examples = []
    for question in chosen:
        own, asked_row = rows.filter(question_id=question).sort("layer", "window"), questions[question]
        layers = own["layer"].unique().sort().to_list()
        grid = grids[asked_row["image_id"]]
        down, across = (-(-grid[side] // window) for side in ("grid_height", "grid_width"))
        values = np.full((len(layers), down * across), np.nan)
        values[np.searchsorted(layers, own["layer"]), own["window"]] = own["information"]
        examples.append(
            Example(
                model,
                benchmark,
                question,
                asked_row["question"],
                asked_row["label"],
                asked_row["image_id"],
                pictures[asked_row["image_id"]]["image"],
                (grid["grid_height"], grid["grid_width"]),
                window,
                layers,
                values,
            )
        )
    return examples


def _by_id(frame: pl.DataFrame) -> dict[str, dict]:
    return {row["image_id"]: row for row in frame.iter_rows(named=True)}
