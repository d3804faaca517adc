"""Rows of the metrics table: every run of one model on one benchmark by the benchmark's own metric, with intervals.

A run is the answers to all questions under one condition: full, blind, the image at lower resolution, a strategy at a
layer and keep, a schedule.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from infohorizon.analysis.metric_intervals import Settings, interval_rows, ratio
from infohorizon.analysis.metrics import Key, draws
from infohorizon.analysis.statistics import Array, resample
from infohorizon.benchmarks.base import Task
from infohorizon.seeding import seed_of
from infohorizon.tables import TABLES

Run = tuple[str, str, int | None, float | None]
"""condition, name, layer, keep"""
KEYS = ["condition", "name", "layer", "keep"]
ROWS = 500_000  # of answers that are judged at a time
FULL: Run = ("full", "", None, None)
Relative = Mapping[Run, Array]
"""A run's own metric divided by that of the full model on the same questions: (1 + resamples,)."""


@dataclass(frozen=True)
class Answered:
    """What one model answered on one benchmark.

    Attributes:
        questions: benchmark table.
        full_and_blind: rows of `runs` with condition full or blind.
        pruned: the tables of images at lower resolution, of the strategies and of all schedules, as `runs` gives them,
            `random` the first strategy.
        baselines: strategy or schedule → what it is compared with beside the full model.
    """

    model: str
    benchmark: str
    task: Task
    questions: pl.DataFrame
    full_and_blind: pl.DataFrame
    pruned: Sequence[pl.DataFrame]
    baselines: Mapping[str, str]
    protocol: str = ""


class Count(NamedTuple):
    """Number of a category's questions, and of their images; a metric may be made of a part of them (perception's
    acc+)."""

    questions: int
    images: int


class Measured(NamedTuple):
    """Of every run, the values in every resample, (metric, category) → run → (1 + resamples,), and the mean tokens; of
    every metric and category, what was counted."""

    values: Mapping[Key, Mapping[Run, Array]]
    tokens: Mapping[Run, float | None]
    counts: Mapping[Key, Count]


def runs(table: pl.DataFrame, kind: str) -> pl.DataFrame:
    """A table of answers → question_id, condition, name, layer, keep, repeat, tokens, answer, score.

    Args:
        kind: answers, downsample, strategy (the sweep) or schedule.
    """
    condition = pl.col("condition") if kind == "answers" else pl.lit(kind)
    name = pl.col(kind) if kind in ("strategy", "schedule") else pl.lit("")
    tokens = {"answers": pl.lit(None), "schedule": pl.col("mean_tokens")}.get(kind, pl.col("tokens"))
    swept = kind == "strategy"
    return table.select(
        "question_id",
        condition=condition,
        name=name,
        layer=pl.col("layer") if swept else pl.lit(None, pl.Int32),
        keep=pl.col("keep") if swept or kind == "downsample" else pl.lit(None, pl.Float64),
        repeat=pl.lit(0, pl.Int32) if kind in ("answers", "downsample") else pl.col("repeat"),
        tokens=tokens.cast(pl.Float64),
        answer="answer",
        score="score",
    )


def metric_rows(answered: Answered, settings: Settings) -> tuple[list[dict[str, Any]], Relative]:
    """Rows of the metrics table for one model on one benchmark, and the relative values behind `relative_rows`.

    Of every strategy and keep one run more, whose layer is None: the mean over the layers that all strategies share.
    """
    rows = list(_rows(answered, measure(answered, answered.full_and_blind, settings), {}, settings))
    relative: dict[Run, Array] = {}
    seen: dict[Key, dict[Run, Array]] = {}
    shared = _shared_layers(answered.pruned)
    full = answered.full_and_blind.filter(condition="full")
    compared = set(answered.baselines.values())
    for pruned in answered.pruned:
        same = full.join(pruned.select("question_id").unique(), on="question_id", how="semi")
        measured = _with_means(measure(answered, pl.concat([same, pruned]), settings), shared)
        for key, values in measured.values.items():
            kept = {run: found for run, found in values.items() if run[1] in compared}
            seen.setdefault(key, {}).update(kept)
        rows += [row for row in _rows(answered, measured, seen, settings) if row["condition"] != "full"]
        key = answered.task.metrics[0].name, ""
        own = measured.values[key]
        found = {run: ratio(values, own[FULL]) for run, values in own.items() if run != FULL}
        if measured.counts[key].images == 1:  # every resample is the data again
            found = {run: np.where(np.arange(len(values)) == 0, values, np.nan) for run, values in found.items()}
        relative |= found
    return rows, relative


def relative_rows(model: str, found: Sequence[Relative], settings: Settings) -> list[dict[str, Any]]:
    """The relative score: the mean over benchmarks of the ratios, for every run that all benchmarks have.

    Images of different benchmarks are drawn independently.
    """
    shared = set.intersection(*(set(relative) for relative in found)) if found else set()
    ordered = sorted(shared, key=_in_order)
    if not ordered:
        return []
    values = np.array([100 * np.mean([relative[run] for relative in found], axis=0) for run in ordered])
    common = {"model": model, "metric": "relative score", "unit": "%", "own": True, "category": "", "protocol": ""}
    return [
        {
            **dict.fromkeys(TABLES["metrics"].columns),
            **common,
            **dict(zip(KEYS, run, strict=True)),
            "full": 100.0,
            **own,
        }
        for run, own in zip(ordered, interval_rows({"": values, "difference": values - 100}, settings), strict=True)
    ]


def _in_order(run: Run) -> tuple[Any, ...]:
    """By condition, name, keep and layer; the mean over layers last."""
    condition, name, layer, keep = run
    return condition, name, keep is None, keep or 0, layer is None, layer or 0


def measure(answered: Answered, frame: pl.DataFrame, settings: Settings) -> Measured:
    """Every run of a frame of `runs` on one set of questions; the mean over repeats of the metric of each."""
    about = answered.questions.select("question_id", "image_id", "category", "answers")
    asked = about.join(frame.select("question_id").unique(), on="question_id", how="semi")
    cells = frame.select(*KEYS, "repeat").unique().sort(*KEYS, "repeat").with_row_index("cell")
    images = asked["image_id"].unique().sort()
    weights = resample(len(images), settings.resamples, seed_of(settings.seed, answered.benchmark))
    step, chunks = max(1, ROWS // asked.height), []
    for start in range(0, cells.height, step):
        some = cells.slice(start, step).with_columns(pl.col("cell") - start)
        own = frame.join(some, on=[*KEYS, "repeat"], nulls_equal=True).join(about, on="question_id")
        chunks.append(draws(answered.task, own, images, weights))
    found = {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}
    repeats: dict[Run, list[int]] = {}
    for *run, _, cell in cells.select(*KEYS, "repeat", "cell").iter_rows():
        repeats.setdefault(tuple(run), []).append(cell)
    values = {
        key: {run: values[members].mean(axis=0) for run, members in repeats.items()} for key, values in found.items()
    }
    kept = frame.group_by(KEYS).agg(pl.col("tokens").mean())
    tokens = {tuple(run): mean for *run, mean in kept.iter_rows()}
    return Measured(values, tokens, {key: _count(answered.task, key, asked) for key in values})


def _count(task: Task, key: Key, asked: pl.DataFrame) -> Count:
    """What a metric of a category, of a group of categories or of all was computed from."""
    name, category = key
    groups = next(metric.groups for metric in task.metrics if metric.name == name)
    if category:
        asked = asked.filter(pl.col("category").is_in(groups.get(category, [category])))
    return Count(asked.height, asked["image_id"].n_unique())


def _shared_layers(pruned: Sequence[pl.DataFrame]) -> dict[float, list[int]]:
    """keep → the layers at which every strategy that has this keep was run."""
    swept = [frame for frame in pruned if not frame.filter(condition="strategy").is_empty()]
    if not swept:
        return {}
    runs = pl.concat(frame.select("name", "keep", "layer").unique() for frame in swept)
    strategies = dict(runs.group_by("keep").agg(pl.col("name").n_unique()).iter_rows())
    shared: dict[float, list[int]] = {}
    for keep, layer, count in runs.group_by("keep", "layer").agg(pl.col("name").n_unique()).sort("layer").iter_rows():
        if count == strategies[keep]:
            shared.setdefault(keep, []).append(layer)
    return shared


def _with_means(measured: Measured, shared: Mapping[float, Sequence[int]]) -> Measured:
    """With a run for each strategy and keep whose layer is None: the mean over the layers of `shared`."""
    swept = {
        (name, keep) for condition, name, _, keep in measured.tokens if condition == "strategy" and keep is not None
    }
    cells: dict[Run, list[Run]] = {
        ("strategy", name, None, keep): [("strategy", name, layer, keep) for layer in shared[keep]]
        for name, keep in sorted(swept)
        if keep in shared
    }
    found = {
        key: {**values, **{mean: np.mean([values[run] for run in members], axis=0) for mean, members in cells.items()}}
        for key, values in measured.values.items()
    }
    tokens = dict(measured.tokens)
    tokens |= {mean: float(np.mean([tokens[run] for run in members])) for mean, members in cells.items()}
    return measured._replace(values=found, tokens=tokens)


def _rows(
    answered: Answered, measured: Measured, seen: Mapping[Key, Mapping[Run, Array]], settings: Settings
) -> Iterator[dict[str, Any]]:
    metrics = {metric.name: metric for metric in answered.task.metrics}
    for (name, category), values in measured.values.items():
        full, bases = values[FULL], _bases(answered, values, seen.get((name, category), {}))
        count = measured.counts[name, category]
        for (run, found), base in zip(
            _intervals(values, bases, count.images, settings).items(), bases.values(), strict=True
        ):
            yield {
                **dict.fromkeys(TABLES["metrics"].columns),
                "model": answered.model,
                "benchmark": answered.benchmark,
                "metric": name,
                "unit": metrics[name].unit,
                "own": name == answered.task.metrics[0].name,
                "category": category,
                **dict(zip(KEYS, run, strict=True)),
                "tokens": measured.tokens[run],
                "full": float(full[0]),
                "baseline": None if base is None else answered.baselines[run[1]],
                **count._asdict(),
                "protocol": answered.protocol,
                **found,
            }


def _bases(answered: Answered, values: Mapping[Run, Array], seen: Mapping[Run, Array]) -> dict[Run, Array | None]:
    """Each run → the values of the run that it is compared with beside the full model; None where there is none."""
    baselines = {run: answered.baselines.get(run[1]) for run in values if run[0] in ("strategy", "schedule")}
    return {
        run: None if (other := baselines.get(run)) is None else seen.get((run[0], other, *run[2:])) for run in values
    }


def _intervals(
    values: Mapping[Run, Array], bases: Mapping[Run, Array | None], images: int, settings: Settings
) -> dict[Run, dict[str, float | None]]:
    """Each run → its value, its difference from the full model and from its base, its share, all with their ends."""
    found, full = np.array(list(values.values())), values[FULL]
    sampled = {"": found, "difference": found - full, "relative": 100 * ratio(found, full)}
    rows = dict(zip(values, interval_rows(sampled, settings, images), strict=True))
    compared = {run: values[run] - base for run, base in bases.items() if base is not None}
    if compared:
        differences = interval_rows({"baseline_difference": np.array(list(compared.values()))}, settings, images)
        for run, own in zip(compared, differences, strict=True):
            rows[run] |= own
    return rows
