"""What a study observed, from its files: one row per question and cell, for figures and page.

Model and benchmark of a file are read from its path. Every frame starts with the columns model, benchmark; frames with
one row per question carry image_id, because intervals are bootstrapped over images.
"""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.analysis.reading import (
    INFORMATION,
    REMOVALS,
    SCHEDULES,
    numbered,
    over_windows,
    per_question,
    type_of_ids,
)


def questions(paths: Sequence[str]) -> pl.DataFrame:
    """The benchmark tables as one frame with a column `benchmark`, in the order given."""
    frames = []
    for path in paths:
        name = tables.place(path, "benchmark")["benchmark"]
        frames.append(tables.read(path, "benchmark").with_columns(benchmark=pl.lit(name)))
    return pl.concat(frames)


def sources(answers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the answers tables record of the study's `models` and `benchmarks` (source, revision), by name.

    Of models also `layers` and `dtype`.
    `protocols`: model → benchmark → name and fingerprint of the protocol it was asked under.
    """
    found: dict[str, dict[str, Any]] = {"models": {}, "benchmarks": {}, "protocols": {}}
    for path in answers:
        place, metadata = tables.place(path, "answers"), tables.read_metadata(path)
        found["models"].setdefault(place["model"], metadata.get("model") or {})
        found["benchmarks"].setdefault(place["benchmark"], metadata.get("benchmark") or {})
        if protocol := metadata.get("configuration", {}).get("protocol"):
            asked = found["protocols"].setdefault(place["model"], {})
            asked[place["benchmark"]] = f"{protocol['name']} {protocol['fingerprint']}"
    return found


def answers(paths: Sequence[str], questions: pl.DataFrame) -> pl.DataFrame:
    """Full and blind: question_id, image_id, and the columns of the answers table."""
    return _gather(paths, "answers", list(tables.TABLES["answers"].columns), lambda part: part, questions)


def other_spellings(paths: Sequence[str]) -> pl.DataFrame:
    """model, benchmark, other: full answers that are the label though they begin with another token than the measured
    one; answers: how many full answers there are."""
    counts: dict[tuple[str, str], list[int]] = {}
    for path in paths:
        place = tables.place(path, "answers")
        full = tables.read(path, "answers", ["condition", "other_spelling"]).filter(condition="full")
        count = counts.setdefault((place["model"], place["benchmark"]), [0, 0])
        count[0] += int(full["other_spelling"].sum())
        count[1] += full.height
    rows = [[*pair, *count] for pair, count in counts.items()]
    return pl.DataFrame(rows, ["model", "benchmark", "other", "answers"], orient="row")


def own_metric(metrics: pl.DataFrame, condition: str) -> pl.DataFrame:
    """Rows of the metrics table: each benchmark's own metric, as a whole, under one condition; `mean`: its value."""
    chosen = metrics.filter(pl.col("benchmark").is_not_null(), pl.col("own"), category="", condition=condition)
    return chosen.rename({"value": "mean"})


def levels(metrics: pl.DataFrame, condition: str) -> pl.DataFrame:
    """What pruned runs of a condition stand between: model, benchmark, condition (full, blind), mean, low, high.

    The full model's value is that on the questions of the pruned runs, without an interval where these are not all of
    its questions; the blind one's is on all questions.
    """
    asked = (
        own_metric(metrics, condition)
        .group_by("model", "benchmark")
        .agg(same=pl.col("full").first(), asked=pl.col("questions").first())
    )
    rows = pl.concat([own_metric(metrics, "full"), own_metric(metrics, "blind")])
    rows = rows.join(asked, on=["model", "benchmark"], maintain_order="left")
    some = (pl.col("condition") == "full") & (pl.col("questions") != pl.col("asked"))
    return rows.select(
        "model",
        "benchmark",
        "condition",
        mean=pl.when(some).then("same").otherwise("mean"),
        low=pl.when(some).then(None).otherwise("low"),
        high=pl.when(some).then(None).otherwise("high"),
    )


def information(paths: Sequence[str], questions: pl.DataFrame) -> pl.DataFrame:
    """Per question and layer: `over_windows`."""
    return _gather(paths, "information", INFORMATION, over_windows, questions)


def removals(paths: Sequence[str], questions: pl.DataFrame) -> pl.DataFrame:
    """Per question, removal and layer: usable, answer_usable, what is lost of the probability (unpruned − left)."""

    def reduce(part: pl.DataFrame) -> pl.DataFrame:
        lost = {"usable": "probability", "answer_usable": "answer_probability"}
        return part.select(
            "question_id",
            "removal",
            "layer",
            **{name: pl.col(f"full_{column}") - pl.col(column) for name, column in lost.items()},
        )

    return _gather(paths, "removals", REMOVALS, reduce, questions)


def states(paths: Sequence[str], questions: pl.DataFrame) -> pl.DataFrame:
    """Per question and layer: entropy, query_entropy (null at layer 0)."""
    return _gather(paths, "states", ["question_id", "layer", "entropy", "query_entropy"], lambda part: part, questions)


def swept(paths: Sequence[str], model: str, benchmark: str) -> pl.Series:
    """Ids of the questions that were swept for one model and benchmark."""
    own = tables.matching(paths, "sweep", model=model, benchmark=benchmark)
    ids = [tables.read(path, "sweep", ["question_id"])["question_id"].unique() for path in own]
    return pl.concat(ids) if ids else pl.Series([], dtype=pl.String)


def schedules(paths: Sequence[str], questions: pl.DataFrame) -> pl.DataFrame:
    """Per question and schedule: score and tokens (mean over layers), mean over repeats."""

    def reduce(part: pl.DataFrame) -> pl.DataFrame:
        return per_question(part, ["schedule"])

    return _gather(paths, "schedules", SCHEDULES, reduce, questions)


def _gather(
    paths: Sequence[str],
    name: str,
    columns: Sequence[str],
    reduce: Callable[[pl.DataFrame], pl.DataFrame],
    questions: pl.DataFrame,
) -> pl.DataFrame:
    """Read file by file, reduce each, add model, benchmark and image_id; an empty frame where nothing was run."""
    frames = []
    for path in paths:
        place = tables.place(path, name)
        owner = [pl.lit(place[column]).alias(column) for column in ("model", "benchmark")]
        part = tables.read(path, name, columns)
        own = reduce(numbered(part, type_of_ids(part)))  # texts would keep the memory of all rows that are reduced
        frames.append(own.select(*owner, pl.col("question_id").cast(pl.String), pl.exclude("question_id")))
    if not frames:
        return pl.DataFrame()
    images = questions.select("benchmark", "question_id", "image_id")
    joined = pl.concat(frames).join(images, on=["benchmark", "question_id"], how="left")
    order = ["model", "benchmark", "question_id", "removal", "strategy", "keep", "layer", "schedule", "condition"]
    return joined.sort([column for column in order if column in joined.columns])
