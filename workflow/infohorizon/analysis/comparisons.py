"""Paired comparisons of scores: strategies with random, drop-all and schedules with the unpruned model, hybrids with
their plain schedule."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.differences import compare
from infohorizon.analysis.panels import CELL, Panel, Tables
from infohorizon.analysis.reading import per_question
from infohorizon.analysis.statistics import holm

EQUAL = 0.025
"""Mean numbers of tokens that differ by no more than this share count as equal: few schedules meet a budget exactly."""


def comparisons(tables: Tables, baselines: Mapping[str, str | None], settings: Settings) -> list[dict[str, Any]]:
    """Rows of the comparison table for one model on one benchmark.

    Args:
        baselines: schedule → the plain schedule that it is compared with, or None.

    Raises:
        UserError: a table lacks rows, or holds a value that is not finite.
    """
    pairs = {name: other for name, other in baselines.items() if other}
    return [*_strategies(tables, settings), *_schedules(tables, pairs, settings)]


def _strategies(tables: Tables, settings: Settings) -> Iterator[dict[str, Any]]:
    for strategy in tables.compared_with_random():
        panel, random = tables.with_random(strategy), tables.random_for(strategy)
        for keep in panel.cells["keep"].unique().sort():
            yield from _rows(tables, panel.where(keep=keep), "strategy", strategy, random, settings)
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
    """One row per cell; Holm over the cells."""
    if panel.frame.is_empty():
        return
    found = compare(panel.clusters("difference"), settings.confidence, settings.resamples, settings.seed)
    p_holm = holm(found.p)
    columns = ("score", "score_baseline", "tokens", "tokens_baseline")
    average = {column: panel.values(column).mean(axis=0) for column in columns}
    for index, cell in enumerate(panel.cells.iter_rows(named=True)):
        schedule = str(cell.get("schedule", ""))
        tokens, others = float(average["tokens"][index]), _none_if_nan(average["tokens_baseline"][index])
        yield {
            "model": tables.model,
            "benchmark": tables.benchmark,
            "kind": kind,
            "name": name or schedule,
            "baseline": baseline if isinstance(baseline, str) else baseline[schedule],
            "layer": cell.get("layer"),
            "keep": cell.get("keep"),
            "tokens": tokens,
            "baseline_tokens": others,
            "equal_tokens": None if others is None else abs(tokens - others) <= EQUAL * others,
            "score": float(average["score"][index]),
            "baseline_score": float(average["score_baseline"][index]),
            "difference": float(found.mean[index]),
            "low": float(found.low[index]),
            "high": float(found.high[index]),
            "p_value": float(found.p[index]),
            "p_holm": float(p_holm[index]),
            "questions": panel.questions,
            "images": panel.images,
        }


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
