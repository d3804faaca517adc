"""Rows of the synthetic study's horizon, comparison and findings tables, around a planted horizon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.analysis.criteria import VANISHING, Criterion, Settings
from infohorizon.analysis.curves import Found
from infohorizon.analysis.findings import Study, findings
from infohorizon.analysis.horizons import Whose
from infohorizon.analysis.selection import SELECTED

DEPTH, IMAGES = 8, 10
KEEPS = [16.0, 0.125]


def horizon_row(model: str, benchmark: str, criterion: str, layer: int, **other: Any) -> dict[str, Any]:
    """A row of the horizon table; the interval is the layer itself unless `low` and `high` say otherwise."""
    row = {"model": model, "benchmark": benchmark, "criterion": criterion, "category": "", "removal": ""}
    row |= {"strategy": "", "keep": None}
    row |= {"factor": 1.0, "threshold": 0.1, "layer": layer, "low": layer, "high": layer, "depth": DEPTH}
    row |= {"p_beyond": 0.001 if layer == DEPTH else 1.0, "worth": 0.5, "worth_low": 0.4}
    return row | {"questions": 2 * IMAGES, "images": IMAGES} | other


def horizon_rows(model: str, benchmark: str, layer: int, strategies: list) -> list[dict[str, Any]]:
    rows = []
    for factor, shift in ((0.5, 1), (1.0, 0), (2.0, -1)):
        at = layer + shift
        for criterion in VANISHING:
            interval = {"low": at, "high": at, "factor": factor, "threshold": 0.1 * factor}
            rows.append(horizon_row(model, benchmark, criterion, at, **interval))
        for criterion in ("information", "redundancy"):
            for removal in ("delete", "text"):
                interval = {"low": at - 1, "high": at, "factor": factor, "threshold": 0.1 * factor}
                rows.append(horizon_row(model, benchmark, criterion, at, removal=removal, **interval))
        for criterion in ("no-advantage", "random-parity"):
            for strategy in strategies:
                if strategy not in ("random", "drop-all"):
                    for keep in (None, *KEEPS):
                        cell = {"strategy": strategy, "keep": keep, "factor": factor, "threshold": 0.02 * factor}
                        reach = {"low": at - 1, "high": min(at + 1, DEPTH - 1)}
                        rows.append(horizon_row(model, benchmark, criterion, at, **cell, **reach))
    return rows


def comparison_rows(
    model: str, benchmark: str, horizon: int, strategies: list, schedules: dict
) -> list[dict[str, Any]]:
    def row(kind: str, name: str, baseline: str, layer: int | None, keep: float | None, gain: float) -> dict[str, Any]:
        cell = {"model": model, "benchmark": benchmark, "kind": kind, "name": name, "baseline": baseline}
        cell |= {"layer": layer, "keep": keep, "tokens": keep or 20.0, "baseline_tokens": keep}
        cell |= {"equal_tokens": keep and True, "score": 0.5 + gain}
        cell |= {"baseline_score": 0.5, "difference": gain, "low": gain - 0.04, "high": gain + 0.04, "images": IMAGES}
        return cell | {"p_value": 0.001, "p_holm": 0.004 if gain > 0.04 else 1.0, "questions": 2 * IMAGES}

    rows = [
        row("strategy", name, "random", layer, keep, 0.2 if layer < horizon else 0.0)
        for name in strategies
        if name not in ("random", "drop-all")
        for keep in KEEPS
        for layer in range(1, DEPTH)
    ]
    rows += [row("selected", name, "random", None, keep, 0.1) for keep in KEEPS for name in SELECTED if strategies]
    return rows + [row("schedule", name, "full", None, None, -0.05) for name in schedules]


@dataclass(frozen=True)
class Fixed:
    """A curve whose horizon is known: low, layer and high, at each level of confidence the same."""

    low: int
    layer: int
    high: int
    images: int = IMAGES
    layers: Any = None

    def horizon(self, threshold: float, level: float, depth: int) -> Found:
        return Found(self.layer, self.low, self.high, 0.001 if self.low >= depth else 1.0)


def criterion_of(row: dict[str, Any]) -> Criterion:
    """The criterion behind a row of the horizon table."""
    curve = Fixed(row["low"], row["layer"], row["high"])
    whose = {name: row[name] for name in ("strategy", "keep", "category", "removal")}
    return Criterion(row["criterion"], curve, row["threshold"], row["questions"], **whose)


def findings_rows(
    horizon: list[dict[str, Any]],
    comparison: Sequence[dict[str, Any]] = (),
    answers: pl.DataFrame | None = None,
    reading: tuple[str, ...] = ("reading",),
    collapses: Mapping[tuple[str, str], int | None] | None = None,
) -> list[dict[str, Any]]:
    """The findings that follow from rows of the horizon table at its configured thresholds."""
    found: dict[Whose, list[Criterion]] = {}
    for row in horizon:
        if row["factor"] == 1.0:
            found.setdefault(Whose(row["model"], row["benchmark"], row["depth"]), []).append(criterion_of(row))
    compared = pl.DataFrame(tables.from_rows("comparison", list(comparison)))
    answers = pl.DataFrame() if answers is None else answers
    study = Study(found, compared, answers, frozenset(reading), frozenset({"information"}), collapses or {})
    return findings(study, Settings(resamples=200))
