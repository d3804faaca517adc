"""One decided case of a finding: what is judged, the numbers it is judged by, the outcome. All from intervals."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import polars as pl

from infohorizon.figures import data

HOLDS, FAILS, OPEN = "holds", "does not hold", "not decidable"
ORACLE = "information"  # reads the label: a reference, not a pruning method

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


def reached(row: Row) -> str:
    """Is the horizon reached before the model ends?"""
    return HOLDS if row["high"] < row["depth"] else FAILS if row["low"] >= row["depth"] else OPEN


def deeper(first: Row, second: Row) -> str:
    """Does the first horizon lie deeper? One that is never reached lies at the depth or beyond: it decides less."""
    if first["low"] / first["depth"] > second["high"] / second["depth"]:
        return HOLDS
    not_deeper = first["high"] / first["depth"] <= second["low"] / second["depth"]
    return FAILS if not_deeper and first["high"] < first["depth"] else OPEN


def layers(row: Row) -> str:
    """A horizon in words: layer, interval, depth."""
    layer = "not reached" if row["layer"] >= row["depth"] else f"layer {row['layer']}"
    return f"{layer} [{row['low']}, {row['high']}] of {row['depth']}"


def _reached(row: Row, remark: str) -> Case:
    name = ", ".join(part for part in (row["model"], row["benchmark"], row["strategy"]) if part)
    return Case(name, layers(row) + remark, reached(row))


def no_better(rows: list[dict[str, Any]], comparison: pl.DataFrame) -> list[Case]:
    """Remark: in how many (layer, keep) before and from the layer on the strategy is significantly better."""
    found = []
    for row in rows:
        name = {"model": row["model"], "benchmark": row["benchmark"], "name": row["strategy"], "baseline": "random"}
        cells = comparison.filter(**name).select("layer", better=(pl.col("p_holm") < 0.05) & (pl.col("difference") > 0))
        parts = cells.filter(pl.col("layer") < row["layer"]), cells.filter(pl.col("layer") >= row["layer"])
        before, after = (f"{part['better'].sum()} of {part.height}" for part in parts)
        remark = f"; significantly better at {before} (layer, keep) before it, {after} from it on"
        if row["strategy"] != ORACLE:
            found.append(_reached(row, remark if cells.height else ""))
    return found


def vanishing(rows: list[dict[str, Any]], information: pl.DataFrame) -> list[Case]:
    """Remark: what is left there of the spread over windows."""
    found = []
    for row in rows:
        own = information.filter(model=row["model"], benchmark=row["benchmark"]) if information.height else information
        spread = dict(own.group_by("layer").agg(pl.col("spread").mean()).iter_rows()) if own.height else {}
        share = spread[row["layer"]] / max(max(spread.values()), 1e-12) if row["layer"] in spread else None
        found.append(_reached(row, "" if share is None else f"; spread there {share:.1%} of its maximum"))
    return found


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
    pairs = set()
    for a in models:
        for b in models:
            both = full.filter(model=a).join(full.filter(model=b), on=["benchmark", "question_id"], suffix="_b")
            if a == b or both.is_empty():
                continue
            gains = both.with_columns(
                gain=pl.col("score") - pl.col("score_b"),
                image_id=pl.col("benchmark") + "/" + pl.col("image_id"),
                weight=1 / pl.len().over("benchmark"),
            ).with_columns(gain=pl.col("gain") * pl.col("weight") / pl.col("weight").mean(), benchmark=pl.lit("all"))
            if data.intervals(gains, [], "gain")["low"].item() > 0:
                pairs.add((a, b))
    return pairs
