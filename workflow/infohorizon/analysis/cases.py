"""One decided case of a finding: what is judged, the numbers it is judged by, the outcome. All from intervals."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import polars as pl

from infohorizon.analysis.horizons import BOUNDS
from infohorizon.analysis.intervals import intervals

HOLDS, FAILS, OPEN = "holds", "does not hold", "not decidable"
ORACLE = "information"  # reads the label: a reference, not a pruning method
SIGNIFICANT = 0.05

Row = Mapping[str, Any]


class Case(NamedTuple):
    """A claim about one model and benchmark (or a pair of them), decided."""

    what: str
    numbers: str
    outcome: str


def combine(outcomes: Iterable[str]) -> str:
    """One outcome for all cases; without a case nothing is decidable."""
    outcomes = list(outcomes)
    if FAILS in outcomes:
        return FAILS
    return HOLDS if outcomes and OPEN not in outcomes else OPEN


def reached(row: Row, refuted: bool = False) -> str:
    """Is the horizon reached before the model ends?

    Args:
        refuted: a criterion on bounds is shown to fail at the last measured layer.
    """
    if row["high"] < row["depth"]:
        return HOLDS
    return FAILS if row["low"] >= row["depth"] and (refuted or row["criterion"] not in BOUNDS) else OPEN


def deeper(first: Row, second: Row) -> str:
    """Does the first horizon lie deeper? One that is never reached lies at the depth or beyond: it decides less."""
    never = max(first["high"] / first["depth"], second["high"] / second["depth"]) >= 1
    if never and first["criterion"] in BOUNDS:
        return OPEN
    if first["low"] / first["depth"] > second["high"] / second["depth"]:
        return HOLDS
    not_deeper = first["high"] / first["depth"] <= second["low"] / second["depth"]
    return FAILS if not_deeper and first["high"] < first["depth"] else OPEN


def layers(row: Row) -> str:
    """A horizon in words: layer, interval, depth."""
    layer = "not reached" if row["layer"] >= row["depth"] else f"layer {row['layer']}"
    return f"{layer} [{row['low']}, {row['high']}] of {row['depth']}"


def no_better(rows: list[dict[str, Any]], comparison: pl.DataFrame) -> list[Case]:
    """Refuted where the strategy is significantly better than random at the last layer; remark: where it is."""
    found = []
    for row in rows:
        if row["strategy"] == ORACLE:
            continue
        cells = _cells(comparison, row, row["strategy"], "random").with_columns(better=pl.col("difference") > 0)
        better = cells.filter("significant", "better")["layer"]
        before = cells["layer"] < row["layer"]
        remark = f"; significantly better at {(better < row['layer']).sum()} of {before.sum()} (layer, keep) before it"
        remark += f", {(better >= row['layer']).sum()} of {(~before).sum()} from it on"
        refuted = cells.height > 0 and cells["layer"].max() in better
        found.append(_reached(row, remark if cells.height else "", refuted))
    return found


def vanishing(rows: list[dict[str, Any]], information: pl.DataFrame, comparison: pl.DataFrame) -> list[Case]:
    """Refuted (redundancy) by a significant loss at the last layer; remark: what is left of the spread over windows."""
    found = []
    for row in rows:
        share = _spread_left(information, row)
        remark = "" if share is None else f"; spread there {share:.1%} of its maximum"
        cells = _cells(comparison, row, "drop-all", "full")
        losses = cells.filter(pl.col("layer") == pl.col("layer").max(), pl.col("difference") < 0)
        found.append(_reached(row, remark, losses["significant"].any()))
    return found


def _spread_left(information: pl.DataFrame, row: Row) -> float | None:
    """Mean spread over windows at a row's horizon as a share of its maximum; None where it was not measured there."""
    if information.is_empty():
        return None
    own = information.filter(model=row["model"], benchmark=row["benchmark"])
    spread = dict(own.group_by("layer").agg(pl.col("spread").mean()).iter_rows())
    if row["layer"] not in spread:
        return None
    return spread[row["layer"]] / max(*spread.values(), 1e-12)


def _cells(comparison: pl.DataFrame, row: Row, name: str, baseline: str) -> pl.DataFrame:
    """Paired comparisons behind a row of the horizon table: layer, difference, significant."""
    own = comparison.filter(
        kind="strategy", model=row["model"], benchmark=row["benchmark"], name=name, baseline=baseline
    )
    return own.select("layer", "difference", significant=pl.col("p_holm") < SIGNIFICANT)


def _reached(row: Row, remark: str, refuted: bool) -> Case:
    name = ", ".join(part for part in (row["model"], row["benchmark"], row["strategy"]) if part)
    return Case(name, layers(row) + remark, reached(row, refuted))


def _pair(title: str, names: tuple[str, str], first: Row, second: Row) -> Case:
    return Case(title, f"{names[0]}: {layers(first)}; {names[1]}: {layers(second)}", deeper(first, second))


def by_task(rows: list[dict[str, Any]], reading: set[str]) -> list[Case]:
    return [
        _pair(f"{a['model']}: {a['benchmark']} deeper than {b['benchmark']}", (a["benchmark"], b["benchmark"]), a, b)
        for a in rows
        for b in rows
        if a["model"] == b["model"] and a["benchmark"] in reading and b["benchmark"] not in reading
    ]


def by_model(rows: list[dict[str, Any]], stronger: set[tuple[str, str]]) -> list[Case]:
    return [
        _pair(f"{a['benchmark']}: {a['model']} deeper than {b['model']}", (a["model"], b["model"]), a, b)
        for a in rows
        for b in rows
        if a["benchmark"] == b["benchmark"] and (a["model"], b["model"]) in stronger
    ]


def stronger(answers: pl.DataFrame, models: list[str]) -> set[tuple[str, str]]:
    """(a, b): a's unpruned score is higher than b's; paired per question, interval over images, benchmarks equal."""
    if answers.is_empty():
        return set()
    full = answers.filter(condition="full")
    return {
        (a, b) for a in models for b in models if a != b and _is_stronger(full.filter(model=a), full.filter(model=b))
    }


def _is_stronger(first: pl.DataFrame, second: pl.DataFrame) -> bool:
    """Does the interval of the mean paired difference lie above zero? Each benchmark weighs the same."""
    pairs = first.join(second, on=["benchmark", "question_id"], suffix="_second")
    if pairs.is_empty():
        return False
    weight = 1 / pl.len().over("benchmark")
    gains = pairs.with_columns(
        gain=(pl.col("score") - pl.col("score_second")) * weight / weight.mean(),
        image_id=pl.concat_str("benchmark", "image_id", separator="/"),
        benchmark=pl.lit("all"),
    )
    return bool(intervals(gains, [], "gain")["low"].item() > 0)
