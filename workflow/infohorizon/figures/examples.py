"""Which questions are shown as examples, and everything the heat maps and the explorer show of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infohorizon import tables


class Example(NamedTuple):
    """A question with its image and the information of every window at every measured layer.

    Attributes:
        image: encoded bytes.
        frame: left, top, right and bottom edge of the grid, in pixels of the image.
        grid: rows and columns of the visual token grid.
        window: w of the w × w windows.
        layers: (L,) the measured layers.
        information: (L, windows) signed, windows in reading order; NaN where none was measured.
    """

    model: str
    benchmark: str
    question_id: str
    question: str
    label: str
    image_id: str
    image: bytes
    frame: Sequence[float]
    grid: tuple[int, int]
    window: int
    layers: Sequence[int]
    information: NDArray[np.float64]


class Sources(NamedTuple):
    """What examples are made from.

    Attributes:
        questions: `observations.questions`.
        images, information, vision: paths of these tables, of all models and benchmarks.
        window: w of the w × w windows of the information stage.
    """

    questions: pl.DataFrame
    images: Sequence[str]
    information: Sequence[str]
    vision: Sequence[str]
    window: int


def clearest(information: Sequence[str], model: str, benchmark: str) -> list[str]:
    """The question whose largest |information| at any layer is the largest of its benchmark: the clearest example.

    Args:
        information: paths of the tables, of all models and benchmarks.
    """
    largest = [
        tables.read(part, "information", ["question_id", "information"])
        .group_by("question_id")
        .agg(pl.col("information").abs().nan_max())
        for part in tables.matching(information, "information", model=model, benchmark=benchmark)
    ]
    if not largest:
        return []
    rows = pl.concat(largest).sort("information", "question_id", descending=[True, False])
    return rows["question_id"].head(1).to_list()


def evenly(questions: pl.Series, count: int) -> list[str]:
    """`count` of the questions, evenly spaced over their sorted ids: no choice by result."""
    ids = questions.unique().sort()
    return ids.gather(spaced(len(ids), count)).to_list()


def spaced(total: int, count: int) -> NDArray[np.int64]:
    """At most `count` ascending indices below `total`, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int))


def load(sources: Sources, model: str, benchmark: str, chosen: Sequence[str]) -> list[Example]:
    """The chosen questions of one model and benchmark, in the order given."""
    if not chosen:
        return []
    name = {"model": model, "benchmark": benchmark}
    questions = _by(sources.questions.filter(pl.col("question_id").is_in(chosen), benchmark=benchmark), "question_id")
    images = tables.read(tables.matching(sources.images, "images", benchmark=benchmark), "images")
    wanted = [question["image_id"] for question in questions.values()]
    pictures = _by(images.filter(pl.col("image_id").is_in(wanted)), "image_id")
    vision = tables.matching(sources.vision, "vision", **name)
    grids = _by(tables.read(vision, "vision", ["image_id", "grid_height", "grid_width", "frame"]), "image_id")
    columns = ["question_id", "layer", "window", "information"]
    information = pl.concat(
        tables.read(part, "information", columns).filter(pl.col("question_id").is_in(chosen))
        for part in tables.matching(sources.information, "information", **name)
    )
    examples = []
    for question_id in chosen:
        question = questions[question_id]
        image_id = question["image_id"]
        grid = grids[image_id]["grid_height"], grids[image_id]["grid_width"]
        layers, values = _by_layer(information.filter(question_id=question_id), grid, sources.window)
        examples.append(
            Example(
                model,
                benchmark,
                question_id,
                question["question"],
                question["label"],
                image_id,
                pictures[image_id]["image"],
                grids[image_id]["frame"],
                grid,
                sources.window,
                layers,
                values,
            )
        )
    return examples


def _by(frame: pl.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    """Rows by a column."""
    return {row[key]: row for row in frame.iter_rows(named=True)}


def _by_layer(rows: pl.DataFrame, grid: tuple[int, int], window: int) -> tuple[list[int], NDArray[np.float64]]:
    """The measured layers (L,) and the information (L, windows) of one question, NaN where none was measured."""
    down, across = (-(-side // window) for side in grid)
    layers = rows["layer"].unique().sort().to_list()
    values = np.full((len(layers), down * across), np.nan)
    values[np.searchsorted(layers, rows["layer"]), rows["window"]] = rows["information"]
    return layers, values
