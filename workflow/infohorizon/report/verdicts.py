"""The page's verdicts: claims and cases as the findings table has them, and a sentence for each model and benchmark."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import polars as pl

from infohorizon.analysis.cases import layers
from infohorizon.analysis.findings import CLAIMS, Claim
from infohorizon.analysis.horizons import configured
from infohorizon.report.rows import percent


class Verdict(NamedTuple):
    """A claim with its decision at the configured threshold of its first criterion, and at all others.

    Attributes:
        counts: how many cases were decided how.
        cases: case, evidence, decision.
        sensitivity: criterion, then the decision at each factor.
    """

    title: str
    rule: str
    decision: str
    counts: str
    cases: list[list[str]]
    factors: list[float]
    sensitivity: list[list[str]]


def verdicts(findings: pl.DataFrame) -> list[Verdict]:
    """Every claim of the findings table, in the order of the paper."""
    return [_verdict(claim, findings.filter(claim=claim.name)) for claim in CLAIMS]


def _verdict(claim: Claim, rows: pl.DataFrame) -> Verdict:
    decided = rows.filter(criterion=claim.criteria[0], factor=1.0)
    whole = decided.filter(pl.col("model").is_null()).row(0, named=True)
    cases = decided.filter(pl.col("model").is_not_null()).select("title", "evidence", "decision")
    others = rows.filter(pl.col("model").is_null())
    return Verdict(
        claim.title,
        claim.rule,
        whole["decision"],
        whole["evidence"],
        [list(row) for row in cases.iter_rows()],
        list(claim.factors),
        [[name, *others.filter(criterion=name).sort("factor")["decision"]] for name in claim.criteria],
    )


def sentences(horizon: pl.DataFrame, oracles: Collection[str]) -> list[str]:
    """What was found of each model on each benchmark, in one sentence; `oracles` as in `by_pair`."""
    return [f"{model} on {benchmark}: {text}." for (model, benchmark), text in by_pair(horizon, oracles).items()]


def by_pair(horizon: pl.DataFrame, oracles: Collection[str]) -> dict[tuple[str, str], str]:
    """(model, benchmark) → what was found, without a name and a full stop.

    Args:
        oracles: strategies that read the label, which do not count as strategies.
    """
    groups = configured(horizon).partition_by("model", "benchmark", as_dict=True, maintain_order=True)
    return {(model, benchmark): "; ".join(_parts(own, oracles)) for (model, benchmark), own in groups.items()}


def _parts(own: pl.DataFrame, oracles: Collection[str]) -> Iterator[str]:
    by_name = {row["criterion"]: row for row in own.filter(strategy="").iter_rows(named=True)}
    if row := by_name.get("information"):
        worth, share = f"the image is worth {row['worth']:.2f} of the label's probability", percent(row["threshold"])
        if row["layer"] is None:
            yield f"{worth}, too little to measure a horizon"
        elif row["low"] >= row["depth"]:
            yield f"{worth}, and more than {share} of that is left at the last layer"
        elif row["high"] >= row["depth"]:
            yield f"{worth}, and no layer is shown from which on at most {share} of that is left"
        else:
            yield f"{worth}; the horizon, from which on at most {share} of that is left, is layer {layers(row)}"
    if row := by_name.get("redundancy"):
        costs = f"dropping every visual token costs at most {row['threshold']:g} of score"
        reached = row["high"] < row["depth"]
        yield f"from layer {row['high']} on, {costs}" if reached else f"no layer is shown from which on {costs}"
    if (parity := own.filter(~pl.col("strategy").is_in(oracles), criterion="no-advantage")).height:
        shown = parity.filter(pl.col("high") < pl.col("depth")).height
        are = "strategy is" if parity.height == 1 else "strategies are"
        yield f"{shown} of {parity.height} {are} shown to be no better than random from some layer on"
