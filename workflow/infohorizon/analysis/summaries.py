"""From the stages' tables to the small tidy frames that figures and report draw from.

Model and benchmark of a file are read from its path. Every frame starts with the columns model, benchmark; frames
with one row per question carry image_id, because intervals are bootstrapped over images.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from infohorizon import tables
from infohorizon.analysis.statistics import Clusters, bootstrap


def read(paths: str | Sequence[str], name: str, columns: Sequence[str]) -> pl.DataFrame:
    """Columns of all parts of table `name`; other columns (features, kept sets) are not even decompressed."""
    paths = [paths] if isinstance(paths, str) else list(paths)
    try:
        return pl.concat([pl.read_ipc(path, columns=list(columns)) for path in paths])
    except (pl.exceptions.PolarsError, OSError):
        return tables.read(paths, name).select(columns)  # says in one sentence what is wrong


def questions(paths: Sequence[str]) -> pl.DataFrame:
    """The benchmark tables as one frame with a column `benchmark`, in the order given."""
    frames = []
    for path in paths:
        name = tables.place(path, "benchmark")["benchmark"]
        frames.append(tables.read(path, "benchmark").with_columns(benchmark=pl.lit(name)))
    return pl.concat(frames)


def sources(answers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the answers tables record of the study's `models` and `benchmarks` (source, revision), by name."""
    found: dict[str, dict[str, Any]] = {"models": {}, "benchmarks": {}}
    for path in answers:
        place, metadata = tables.place(path, "answers"), tables.read_metadata(path)
        found["models"].setdefault(place["model"], metadata.get("model") or {})
        found["benchmarks"].setdefault(place["benchmark"], metadata.get("benchmark") or {})
    return found


def answers(paths: Sequence[str], asked: pl.DataFrame) -> pl.DataFrame:
    """Full and blind: question_id, image_id, condition, answer, score."""
    return _gather(paths, "answers", ["question_id", "condition", "answer", "score"], asked)


def information(paths: Sequence[str], asked: pl.DataFrame) -> pl.DataFrame:
    """Per question and layer: largest |information|, its spread (standard deviation) over windows, whole answer."""
    columns = ["question_id", "layer", "information", "answer_information"]
    return _gather(
        paths,
        "information",
        columns,
        asked,
        lambda part: part.group_by("question_id", "layer").agg(
            largest=pl.col("information").abs().max(),
            spread=pl.col("information").std(ddof=0),
            whole_answer=pl.col("answer_information").abs().max(),
        ),
    )


def sweep(paths: Sequence[str], asked: pl.DataFrame) -> pl.DataFrame:
    """Per question, strategy, layer and keep: the score, mean over repeats."""
    return _gather(
        paths,
        "sweep",
        ["question_id", "strategy", "layer", "keep", "repeat", "score"],
        asked,
        lambda part: part.group_by("question_id", "strategy", "layer", "keep").agg(pl.col("score").mean()),
    )


def schedules(paths: Sequence[str], asked: pl.DataFrame) -> pl.DataFrame:
    """Per question and schedule: score and mean tokens, mean over repeats."""
    return _gather(
        paths,
        "schedules",
        ["question_id", "schedule", "repeat", "mean_tokens", "score"],
        asked,
        lambda part: part.group_by("question_id", "schedule").agg(pl.col("score", "mean_tokens").mean()),
    )


def configured(horizon: pl.DataFrame) -> pl.DataFrame:
    """The horizons at the thresholds of config.yaml, over all keeps at once."""
    return horizon.filter(pl.col("keep").is_null(), factor=1.0)


def depth_of(horizon: pl.DataFrame, measured: pl.DataFrame, **name: str) -> int:
    """Largest depth among the named rows of the horizon table; without one, the last measured layer + 1."""
    rows = horizon.filter(**name)
    return int(rows["depth"].max() if rows.height else measured.filter(**name)["layer"].max() + 1)


def intervals(
    frame: pl.DataFrame,
    by: Sequence[str],
    value: str = "score",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Mean of `value` over questions with a percentile bootstrap interval over images.

    All cells of one (model, benchmark) are resampled with the same images, so curves move together.

    Returns:
        model, benchmark, *by, mean, low, high, questions; sorted.
    """
    cells = frame.group_by("model", "benchmark", *by, "image_id").agg(total=pl.col(value).sum(), count=pl.len())
    results = [_cells(part, by, confidence, resamples, seed) for _, part in cells.group_by("model", "benchmark")]
    return pl.concat(results).sort("model", "benchmark", *by) if results else pl.DataFrame()


def _cells(part: pl.DataFrame, by: Sequence[str], confidence: float, resamples: int, seed: int) -> pl.DataFrame:
    """Intervals of all cells of one (model, benchmark); a cell may lack some images."""
    names = part.select("model", "benchmark", *by).unique().sort(by).with_row_index("column")
    images = part.select("image_id").unique().sort("image_id").with_row_index("row")
    placed = part.join(images, on="image_id").join(names, on=["model", "benchmark", *by], nulls_equal=True)
    totals, counts = np.zeros((2, images.height, names.height))
    totals[placed["row"], placed["column"]] = placed["total"]
    counts[placed["row"], placed["column"]] = placed["count"]
    interval = bootstrap(Clusters(totals, counts), confidence, resamples, seed)
    numbers = {**interval._asdict(), "questions": counts.sum(0).astype(int)}
    return names.drop("column").with_columns(**{name: pl.Series(values) for name, values in numbers.items()})


def _gather(
    paths: Sequence[str], name: str, columns: Sequence[str], asked: pl.DataFrame, reduce: Any = lambda part: part
) -> pl.DataFrame:
    """Read part by part, reduce each, add model, benchmark and image_id; an empty frame where nothing was run."""
    frames = []
    for path in paths:
        place = tables.place(path, name)
        owner = [pl.lit(place[column]).alias(column) for column in ("model", "benchmark")]
        frames.append(reduce(read(path, name, columns)).select(*owner, pl.all()))
    if not frames:
        return pl.DataFrame()
    images = asked.select("benchmark", "question_id", "image_id")
    joined = pl.concat(frames).join(images, on=["benchmark", "question_id"], how="left")
    order = ["model", "benchmark", "question_id", "strategy", "keep", "layer", "schedule", "condition"]
    return joined.sort([column for column in order if column in joined.columns])


def ordered(values: Sequence[str], frame: pl.DataFrame, column: str) -> list[str]:
    """The names that occur in `frame`, in the order of `values` (the study's own order)."""
    present = set(frame[column].unique()) if column in frame.columns else set()
    return [value for value in values if value in present] + sorted(present - set(values))
