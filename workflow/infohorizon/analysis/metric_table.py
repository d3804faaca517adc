"""Rows of the metrics table: every run of one model on one benchmark by the benchmark's own metric, with intervals.

A run is the answers to all questions under one condition: full, blind, the image at lower resolution, a strategy at a
layer and keep, a schedule.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from infohorizon.analysis.metrics import Key, draws
from infohorizon.analysis.statistics import Array, percentile_interval, resample
from infohorizon.benchmarks.base import Task
from infohorizon.seeding import seed_of
from infohorizon.tables import TABLES

Run = tuple[str, str, int | None, float | None]
"""condition, name, layer, keep"""
KEYS = ["condition", "name", "layer", "keep"]
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


@dataclass(frozen=True)
class Settings:
    """Of the intervals: confidence, bootstrap resamples of the images, and the seed of their draws."""

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0


class Measured(NamedTuple):
    """Of every run, the values in every resample, (metric, category) → run → (1 + resamples,), and the mean tokens."""

    values: Mapping[Key, Mapping[Run, Array]]
    tokens: Mapping[Run, float | None]
    questions: int
    images: int


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
        own = measured.values[answered.task.metrics[0].name, ""]
        relative |= {run: _ratio(values, own[FULL]) for run, values in own.items() if run != FULL}
    return rows, relative


def relative_rows(model: str, found: Sequence[Relative], settings: Settings) -> list[dict[str, Any]]:
    """The relative score: the mean over benchmarks of the ratios, for every run that all benchmarks have.

    Images of different benchmarks are drawn independently.
    """
    shared = set.intersection(*(set(relative) for relative in found)) if found else set()
    rows = []
    for run in sorted(shared, key=str):
        values = 100 * np.mean([relative[run] for relative in found], axis=0)
        row = dict.fromkeys(TABLES["metrics"].columns) | {
            "model": model,
            "metric": "relative score",
            "unit": "%",
            "own": True,
        }
        row |= {"category": "", "protocol": "", **dict(zip(KEYS, run, strict=True)), "full": 100.0}
        rows.append(row | _interval(values, "", settings) | _interval(values - 100, "difference", settings))
    return rows


def measure(answered: Answered, frame: pl.DataFrame, settings: Settings) -> Measured:
    """Every run of a frame of `runs` on one set of questions; the mean over repeats of the metric of each."""
    about = answered.questions.select("question_id", "image_id", "category", "answers")
    frame = frame.join(about, on="question_id")
    cells = frame.select(*KEYS, "repeat").unique().sort(*KEYS, "repeat").with_row_index("cell")
    frame = frame.join(cells, on=[*KEYS, "repeat"], nulls_equal=True)
    images = frame["image_id"].unique().sort()
    seed = seed_of(settings.seed, answered.benchmark)
    found = draws(answered.task, frame, images, resample(len(images), settings.resamples, seed))
    repeats: dict[Run, list[int]] = {}
    for *run, _, cell in cells.select(*KEYS, "repeat", "cell").iter_rows():
        repeats.setdefault(tuple(run), []).append(cell)
    values = {
        key: {run: values[members].mean(axis=0) for run, members in repeats.items()} for key, values in found.items()
    }
    kept = frame.group_by(KEYS).agg(pl.col("tokens").mean())
    tokens = {tuple(run): mean for *run, mean in kept.iter_rows()}
    return Measured(values, tokens, frame["question_id"].n_unique(), len(images))


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
        for run, found in values.items():
            baseline = answered.baselines.get(run[1]) if run[0] in ("strategy", "schedule") else None
            base = seen.get((name, category), {}).get((run[0], baseline, *run[2:])) if baseline else None
            full = values[FULL]
            row = dict.fromkeys(TABLES["metrics"].columns) | {
                "model": answered.model,
                "benchmark": answered.benchmark,
                "metric": name,
                "unit": metrics[name].unit,
                "own": name == answered.task.metrics[0].name,
                "category": category,
                **dict(zip(KEYS, run, strict=True)),
                "tokens": measured.tokens[run],
                "full": float(full[0]),
                "baseline": None if base is None else baseline,
                "questions": measured.questions,
                "images": measured.images,
                "protocol": answered.protocol,
            }
            intervals = {"": found, "difference": found - full, "relative": 100 * _ratio(found, full)}
            if base is not None:
                intervals["baseline_difference"] = found - base
            for prefix, sampled in intervals.items():
                row |= _interval(sampled, prefix, settings, measured.images)
            yield row


def _ratio(values: Array, full: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = values / full
    return np.where(np.isfinite(ratio), ratio, np.nan)


def _interval(values: Array, prefix: str, settings: Settings, images: int = 2) -> dict[str, float | None]:
    """The value and its percentile interval over the resamples in which it exists; no interval from one image."""
    sampled = values[1:][np.isfinite(values[1:])]
    known = images > 1 and len(sampled) > 0
    low, high = percentile_interval(sampled, settings.confidence) if known else (None, None)
    low_name, high_name = (f"{prefix}_low", f"{prefix}_high") if prefix else ("low", "high")
    return {
        prefix or "value": float(values[0]) if np.isfinite(values[0]) else None,
        low_name: None if low is None else float(low),
        high_name: None if high is None else float(high),
    }
