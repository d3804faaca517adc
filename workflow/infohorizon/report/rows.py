"""Rows of the page's tables, from frames to text."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.cases import layers
from infohorizon.analysis.horizons import configured
from infohorizon.figures import style
from infohorizon.figures.sweep import amount
from infohorizon.seeding import digest_of
from infohorizon.strategies import ORACLE

Rows = list[list[str]]
DOWNSAMPLED = ["model", "benchmark", "metric", "keep", "visual tokens", "questions", "image at lower resolution"]
DOWNSAMPLED += ["difference to unpruned", "random pruning", "questions (random)"]
"""Heads of the rows of `downsampled`."""
DIFFERENCE = {"mean": "difference", "low": "difference_low", "high": "difference_high"}


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
            str(row["layer"]) if row["layer"] is not None else "mean" if row["condition"] == "strategy" else "",
            "" if row["keep"] is None else amount(row["keep"]),
            f"{_interval(row | {'mean': row['value']}, '.1f')} %",
        ]
        for row in table.filter(pl.col("benchmark").is_null()).iter_rows(named=True)
    ]


def best_strategies(table: pl.DataFrame, oracles: Collection[str] = (ORACLE,)) -> Rows:
    """model, benchmark, metric and unit, keep, how many strategies, the best, its value, random, oracle, unpruned.

    Values are means over the layers that all strategies of one keep share; the best is no random one, and none of the
    oracles, of which the one by the first token is shown.
    """
    rows = []
    swept = _over_layers(table).partition_by("model", "benchmark", "keep", as_dict=True, maintain_order=True)
    for (model, benchmark, keep), own in swept.items():
        by_name = {row["name"]: row for row in own.iter_rows(named=True)}
        methods = [name for name, row in by_name.items() if row["baseline"] and name not in oracles]
        best = max(methods, key=lambda name: by_name[name]["mean"], default=None)
        values = [_interval(by_name.get(name), ".2f") for name in (best, "random", ORACLE)]
        unpruned = f"{own['full'][0]:.2f}"
        metric = style.metric_label(own)
        rows.append([model, benchmark, metric, amount(keep), str(len(methods)), best or "–", *values, unpruned])
    return rows


def downsampled(table: pl.DataFrame) -> Rows:
    """model, benchmark, metric and unit, keep, tokens, questions, value, difference to unpruned, random, its questions.

    Of images at lower resolution; tokens are those that the model really had. random: with the same keep, mean over the
    layers that all strategies share.
    """
    place = ["model", "benchmark", "keep"]
    beside = {
        tuple(row[name] for name in place): row for row in _over_layers(table).to_dicts() if row["name"] == "random"
    }
    own = observations.own_metric(table, "downsample")
    return [
        [
            row["model"],
            row["benchmark"],
            style.metric_label(own.filter(benchmark=row["benchmark"])),
            amount(row["keep"]),
            f"{row['tokens']:.4g}",
            str(row["questions"]),
            _interval(row, ".2f"),
            _interval({name: row[key] for name, key in DIFFERENCE.items()}, "+.2f"),
            _interval(random := beside.get(tuple(row[name] for name in place)), ".2f"),
            str(random["questions"]) if random else "–",
        ]
        for row in own.iter_rows(named=True)
    ]


def strategies_over_layers(table: pl.DataFrame) -> Rows:
    """model, benchmark, keep, strategy, its metric's mean over the shared layers, difference to random, unpruned."""
    return [
        [
            row["model"],
            row["benchmark"],
            amount(row["keep"]),
            row["name"],
            _interval(row, ".2f"),
            _interval(
                {
                    "mean": row["baseline_difference"],
                    "low": row["baseline_difference_low"],
                    "high": row["baseline_difference_high"],
                },
                "+.2f",
            ),
            f"{row['full']:.2f}",
        ]
        for row in _over_layers(table).iter_rows(named=True)
    ]


def horizons(horizon: pl.DataFrame) -> Rows:
    """model, benchmark, criterion, category, removal, strategy, keep, threshold, horizon, questions."""
    return [
        [
            row["model"],
            row["benchmark"],
            row["criterion"],
            row["category"],
            row["removal"],
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


def beside_collapse(
    shown: tuple[list[str], Rows], collapses: Mapping[tuple[str, str], int | None]
) -> tuple[list[str], Rows]:
    """A table of `by_criterion` with a column for what one forward pass without a label says (analysis/collapse.py)."""
    heads, found = shown
    if not collapses:
        return shown
    words = {pair: "none" if layer is None else f"layer {layer}" for pair, layer in collapses.items()}
    rows = [[*row[:2], words.get((row[0], row[1]), "–"), *row[2:]] for row in found]
    return [*heads[:2], "entropy collapse", *heads[2:]], rows


def by_removal(horizon: pl.DataFrame) -> tuple[list[str], Rows]:
    """Heads and rows: model, benchmark, criterion, and the horizon under each removal of the removals table."""
    shown = horizon.filter(
        pl.col("removal") != "", pl.col("criterion").is_in(["information", "redundancy"]), factor=1.0
    )
    names = shown["removal"].unique().sort().to_list()
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in shown.iter_rows(named=True):
        key = (row["model"], row["benchmark"], row["criterion"])
        found.setdefault(key, {})[row["removal"]] = layers(row)
    heads = ["model", "benchmark", "criterion", *names]
    return heads, [[*key, *(cells.get(name, "–") for name in names)] for key, cells in found.items()]


def comparisons(comparison: pl.DataFrame, kind: str) -> Rows:
    """model, benchmark, name, baseline, layer (strategies), keep (but for schedules), tokens, scores, … questions."""
    return [
        [
            row["model"],
            row["benchmark"],
            row["name"],
            row["baseline"],
            *([str(row["layer"])] if kind == "strategy" else []),
            *([amount(row["keep"])] if kind != "schedule" else []),
            _tokens(row),
            f"{row['score']:.3f}",
            f"{row['baseline_score']:.3f}",
            _interval(row | {"mean": row["difference"]}, "+.3f"),
            _p(row["p_value"]),
            _p(row["p_holm"]),
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


def rounding(information: Sequence[str]) -> Rows:
    """model, benchmark, questions, largest floor, floor by layer; of the files that record one (16-bit models)."""
    found = []
    for path in information:
        floor, place = tables.read_metadata(path).get("rounding_floor"), tables.place(path, "information")
        if floor:
            layers = ", ".join(f"{layer}: {rms:.1e}" for layer, rms in zip(floor["layers"], floor["rms"], strict=True))
            row = [place["model"], place["benchmark"], str(len(floor["questions"])), f"{max(floor['rms']):.1e}"]
            found.append([*row, layers])
    return found


def answer_rounding(removals: Sequence[str]) -> Rows:
    """model, benchmark, questions, share of answers that differ and points, unpruned and at the worst layer."""
    found = []
    for path in removals:
        floor, place = tables.read_metadata(path).get("rounding_floor"), tables.place(path, "removals")
        if floor:
            full = f"{percent(floor['full_changed'])}, {100 * floor['full_score']:.3g} points"
            worst = f"{percent(max(floor['changed']))}, {100 * max(floor['score']):.3g} points"
            found.append([place["model"], place["benchmark"], str(len(floor["questions"])), full, worst])
    return found


def percent(share: float) -> str:
    """A share with up to four digits: a confidence of 0.995 is not 100%."""
    return f"{100 * share:.4g}%"


def _over_layers(table: pl.DataFrame) -> pl.DataFrame:
    """Each strategy's own metric, mean over layers, as in the metrics table; without drop-all."""
    own = observations.own_metric(table, "strategy")
    return own.filter(pl.col("layer").is_null(), pl.col("keep") > 0)


def _tokens(row: Mapping[str, Any]) -> str:
    """Mean tokens; where the baseline keeps another number, also that number."""
    return f"{row['tokens']:.4g}" + (f" against {row['baseline_tokens']:.4g}" if row["equal_tokens"] is False else "")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _interval(row: Mapping[str, Any] | None, form: str = ".3f") -> str:
    if not row or row["mean"] is None:
        return "–"
    known = row["low"] is not None
    return f"{row['mean']:{form}}" + (f" [{row['low']:{form}}, {row['high']:{form}}]" if known else "")
