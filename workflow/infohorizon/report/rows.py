"""Rows of the page's tables, from frames to text."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.cases import ORACLE, layers
from infohorizon.analysis.horizons import configured
from infohorizon.analysis.intervals import intervals
from infohorizon.figures import style
from infohorizon.figures.sweep import amount
from infohorizon.seeding import digest_of

Rows = list[list[str]]


def metrics(table: pl.DataFrame) -> Rows:
    """model, benchmark, metric, category (of the own metric alone), unit, questions, unpruned, blind, protocol."""
    shown = table.filter(pl.col("benchmark").is_not_null(), pl.col("own") | (pl.col("category") == ""))
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in shown.filter(pl.col("condition").is_in(["full", "blind"])).iter_rows(named=True):
        key = tuple(row[name] for name in ("model", "benchmark", "metric", "category", "unit", "protocol"))
        found.setdefault(key, {})[row["condition"]] = row | {"mean": row["value"]}
    return [
        [*key[:3], key[3] or "all", key[4], str(cells["full"]["questions"])]
        + [_interval(cells.get(name), ".2f") for name in ("full", "blind")]
        + [key[5]]
        for key, cells in found.items()
    ]


def relative(table: pl.DataFrame) -> Rows:
    """model, what was done, its layer and keep, relative score: mean over benchmarks of the ratios of own metrics."""
    return [
        [
            row["model"],
            row["name"] or row["condition"],
            "" if row["layer"] is None else str(row["layer"]),
            "" if row["keep"] is None else amount(row["keep"]),
            f"{_interval(row | {'mean': row['value']}, '.1f')} %",
        ]
        for row in table.filter(pl.col("benchmark").is_null()).iter_rows(named=True)
    ]


def best_strategies(sweep: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]) -> Rows:
    """model, benchmark, keep, layers, best strategy, its score, random, oracle.

    Scores are means over the layers that all strategies of one keep share; the best is neither random nor the oracle.
    """
    if sweep.is_empty():
        return []
    rows = []
    for model, benchmark in _pairs(sweep, models, benchmarks):
        own = sweep.filter(pl.col("keep") > 0, model=model, benchmark=benchmark)
        for keep in own["keep"].unique().sort(descending=True):
            chosen = own.filter(keep=keep)
            spread = chosen.group_by("layer").agg(pl.col("strategy").n_unique())
            shared = spread.filter(strategy=chosen["strategy"].n_unique())["layer"].sort().to_list()
            if not shared:
                continue
            means = intervals(chosen.filter(pl.col("layer").is_in(shared)), ["strategy"])
            by_name = {row["strategy"]: row for row in means.to_dicts()}
            methods = [name for name in by_name if name not in ("random", ORACLE)]
            best = max(methods, key=lambda name: by_name[name]["mean"], default=None)
            names = [best, "random", ORACLE]
            cells = [_interval(by_name.get(name)) for name in names]
            span = f"{shared[0]}–{shared[-1]}" if len(shared) > 1 else str(shared[0])
            rows.append([model, benchmark, amount(keep), span, best or "–", *cells])
    return rows


def horizons(horizon: pl.DataFrame) -> Rows:
    """model, benchmark, criterion, strategy, keep, threshold, horizon, questions."""
    return [
        [
            row["model"],
            row["benchmark"],
            row["criterion"],
            row["strategy"],
            "" if not row["strategy"] else "all" if row["keep"] is None else amount(row["keep"]),
            f"{row['threshold']:.3g}",
            layers(row),
            str(row["questions"]),
        ]
        for row in horizon.iter_rows(named=True)
    ]


def by_criterion(horizon: pl.DataFrame, criteria: Sequence[str]) -> tuple[list[str], Rows]:
    """Heads and rows at the configured thresholds: model, benchmark, strategy if any, and a column a criterion."""
    shown = configured(horizon).filter(pl.col("criterion").is_in(criteria))
    present = style.ordered(criteria, shown, "criterion")
    limits = dict(shown.select("criterion", "threshold").iter_rows())
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in shown.iter_rows(named=True):
        key = (row["model"], row["benchmark"], *filter(None, [row["strategy"]]))
        found.setdefault(key, {})[row["criterion"]] = layers(row)
    heads = ["model", "benchmark", "strategy"][: max(map(len, found), default=2)]
    heads += [f"{name} (≤ {limits[name]:.3g})" for name in present]
    return heads, [[*key, *(cells.get(name, "–") for name in present)] for key, cells in found.items()]


def comparisons(comparison: pl.DataFrame, kind: str) -> Rows:
    """model, benchmark, name, baseline, (strategies: layer, keep,) tokens, both scores, difference, p, questions."""
    return [
        [
            row["model"],
            row["benchmark"],
            row["name"],
            row["baseline"],
            *([str(row["layer"]), amount(row["keep"])] if kind == "strategy" else []),
            "" if row["tokens"] is None else f"{row['tokens']:.4g}",
            f"{row['score']:.3f}",
            f"{row['baseline_score']:.3f}",
            _interval(row | {"mean": row["difference"]}, "+.3f"),
            "< 0.001" if row["p_holm"] < 0.001 else f"{row['p_holm']:.3f}",
            str(row["questions"]),
        ]
        for row in comparison.filter(kind=kind).iter_rows(named=True)
    ]


def provenance(stages: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Sources and revisions of models and benchmarks, package versions and code digests, as the tables record them.

    Args:
        stages: stage → its files.
    """
    values: dict[str, dict[str, set[str]]] = {"packages": {}, "code": {}}
    for stage, paths in stages.items():
        for path in paths:
            metadata = tables.read_metadata(path)
            code = metadata.get("code") or "–"  # of stages that prune: digests of the engine and of each strategy
            values["code"].setdefault(stage, set()).add(code if isinstance(code, str) else digest_of(code))
            for package, version in metadata.get("packages", {}).items():
                values["packages"].setdefault(package, set()).add(version)
    joined = {kind: {name: ", ".join(sorted(found[name])) for name in sorted(found)} for kind, found in values.items()}
    return {**observations.sources(stages["answers"]), **joined}


def _pairs(frame: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]) -> list[tuple[str, str]]:
    present = set(frame.select("model", "benchmark").unique().iter_rows())
    return [(model, name) for model in models for name in benchmarks if (model, name) in present]


def _interval(row: Mapping[str, Any] | None, form: str = ".3f") -> str:
    if not row or row["mean"] is None:
        return "–"
    known = row["low"] is not None
    return f"{row['mean']:{form}}" + (f" [{row['low']:{form}}, {row['high']:{form}}]" if known else "")
