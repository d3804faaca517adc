"""Paired comparisons: each strategy with random, drop-all and each schedule with the unpruned model, hybrids with
the schedule they extend. Paired per question after averaging over repeats; resampled and tested by image."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from infohorizon.analysis.horizons import CELL, Settings
from infohorizon.analysis.panels import Panel, Tables, per_question
from infohorizon.analysis.statistics import bootstrap, holm, paired


def comparisons(tables: Tables, baselines: Mapping[str, str], settings: Settings) -> list[dict[str, Any]]:
    """Rows of the comparison table for one model on one benchmark.

    Args:
        baselines: schedule → the schedule of about equal mean tokens it is compared with (beside the unpruned model).
    """
    return [*_strategies(tables, settings), *_schedules(tables, baselines, settings)]


def _strategies(tables: Tables, settings: Settings) -> Iterator[dict[str, Any]]:
    if "random" in tables.sweeps:
        random = per_question(tables.sweeps["random"], CELL)
        for strategy in sorted(tables.sweeps.keys() - {"random", "drop-all"}):
            panel = tables.paired(tables.sweeps[strategy], random, CELL, f"sweep of {strategy}")
            for keep in panel.cells["keep"].unique().sort():
                yield from _rows(tables, panel.where(keep=keep), "strategy", strategy, "random", settings)
    if "drop-all" in tables.sweeps and tables.answers is not None:
        panel = tables.paired(tables.sweeps["drop-all"], tables.full(), CELL, "sweep of drop-all")
        yield from _rows(tables, panel, "strategy", "drop-all", "full", settings)


def _schedules(tables: Tables, baselines: Mapping[str, str], settings: Settings) -> Iterator[dict[str, Any]]:
    if not tables.schedules:
        return
    schedules = pl.concat(tables.schedules[name] for name in sorted(tables.schedules))
    if tables.answers is not None:
        panel = tables.paired(schedules, tables.full(), ["schedule"], "schedules")
        yield from _rows(tables, panel, "schedule", None, "full", settings)
    pairs = {name: other for name, other in baselines.items() if {name, other} <= tables.schedules.keys()}
    if pairs:
        hybrids = schedules.filter(pl.col("schedule").is_in(list(pairs)))
        plain = [tables.schedules[other].with_columns(schedule=pl.lit(name)) for name, other in pairs.items()]
        panel = tables.paired(hybrids, per_question(pl.concat(plain), ["schedule"]), ["schedule"], "schedules")
        yield from _rows(tables, panel, "schedule", None, pairs, settings)


def _rows(
    tables: Tables,
    panel: Panel,
    kind: str,
    name: str | None,
    baseline: str | Mapping[str, str],
    settings: Settings,
) -> Iterator[dict[str, Any]]:
    """One row per cell; Holm over the cells. From one image nothing can be resampled: its interval is [−1, 1]."""
    if panel.frame.is_empty():
        return
    data = panel.clusters("difference")
    difference, low, high = bootstrap(data, settings.confidence, settings.resamples, settings.seed)
    if panel.images == 1:
        low, high = -np.ones_like(low), np.ones_like(high)
    p = paired(data, np.ones((1, panel.images))).p_two_sided()[0]
    p_holm = holm(p)
    columns = ("score", "score_baseline", "tokens", "tokens_baseline")
    average = {column: panel.values(column).mean(axis=0) for column in columns}
    for index, cell in enumerate(panel.cells.iter_rows(named=True)):
        schedule = str(cell.get("schedule", ""))
        yield {
            "model": tables.model,
            "benchmark": tables.benchmark,
            "kind": kind,
            "name": name or schedule,
            "baseline": baseline if isinstance(baseline, str) else baseline[schedule],
            "layer": cell.get("layer"),
            "keep": cell.get("keep"),
            "tokens": float(average["tokens"][index]),
            "baseline_tokens": _none_if_nan(average["tokens_baseline"][index]),
            "score": float(average["score"][index]),
            "baseline_score": float(average["score_baseline"][index]),
            "difference": float(difference[index]),
            "low": float(low[index]),
            "high": float(high[index]),
            "p_value": float(p[index]),
            "p_holm": float(p_holm[index]),
            "questions": panel.questions,
            "images": panel.images,
        }


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
