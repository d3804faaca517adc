"""Which of the paper's findings hold in this study: decided from the horizon table by stated rules, never by hand.

A finding is a claim about every model and benchmark. Each case is decided from bootstrap intervals; the finding holds
where every case holds, does not hold where at least one case does not, and is else not decidable.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import polars as pl

from infohorizon.analysis import cases
from infohorizon.analysis.cases import Case, combine
from infohorizon.analysis.horizons import AGAINST_RANDOM, FACTORS, VANISHING

READING_TASKS = {"reading", "textvqa", "ocrbench", "docvqa", "chartqa"}


class Claim(NamedTuple):
    """A claim of the paper and the rule that decides its cases; the first of the criteria counts, at its threshold."""

    title: str
    rule: str
    criteria: tuple[str, ...]


RANDOM = Claim(
    "1. From some depth on, pruning strategies are no better than random",
    "A strategy's case holds if the whole interval of its layer (from which on it never has a significant advantage "
    "over random, and any advantage is shown to be inside the margin) lies below the model's depth. It does not hold "
    "if that layer is never reached and at the last measured layer the strategy is still significantly better than "
    "random (5 %, Holm). The oracle, which reads the label, is no strategy here.",
    AGAINST_RANDOM,
)
VANISHES = Claim(
    "2. Token information vanishes at an intermediate layer, the information horizon",
    "A case holds if the whole interval of the horizon lies below the model's depth; it does not hold if the whole "
    "interval lies at the depth. The spread over windows can be no larger than the largest |information|: where that "
    "has vanished, information has become uniform.",
    VANISHING,
)
READING = Claim(
    "3a. The horizon lies deeper for reading than for other tasks",
    "For each model and each pair of a reading task (reading, TextVQA, OCRBench, DocVQA, ChartQA) and another "
    "benchmark: holds if the reading task's whole interval lies deeper, does not hold if none of it does.",
    VANISHING,
)
STRONGER = Claim(
    "3b. The horizon lies deeper for the stronger model",
    "For each benchmark and each pair of models of which one has the higher unpruned score (the interval of the paired "
    "difference, mean over benchmarks, leaves out zero): holds if the stronger model's whole interval lies deeper, "
    "does not hold if none of it does. Depths are compared as shares of all layers.",
    VANISHING,
)


class Finding(NamedTuple):
    """A claim judged: its cases and outcome, and the outcomes by criterion at each factor of the threshold."""

    title: str
    rule: str
    outcome: str
    cases: list[Case]
    factors: list[float]
    sensitivity: list[tuple[str, list[str]]]


def findings(
    horizon: pl.DataFrame,
    comparison: pl.DataFrame,
    information: pl.DataFrame,
    answers: pl.DataFrame,
    tasks: Mapping[str, str],
    models: Iterable[str],
) -> list[Finding]:
    """The paper's findings judged on this study.

    Args:
        horizon, comparison: the tables.
        information: `observations.information`.
        answers: `observations.answers`; the stronger of two models has the higher unpruned score.
        tasks: benchmark → task.
    """
    reading = {name for name, task in tasks.items() if READING_TASKS & {name, task}}
    strongest = cases.stronger(answers, list(models))
    horizon = horizon.filter(pl.col("keep").is_null())
    return [
        _finding(RANDOM, horizon, lambda rows: cases.no_better(rows, comparison)),
        _finding(VANISHES, horizon, lambda rows: cases.vanishing(rows, information, comparison)),
        _finding(READING, horizon, lambda rows: cases.by_task(rows, reading)),
        _finding(STRONGER, horizon, lambda rows: cases.by_model(rows, strongest)),
    ]


def _finding(claim: Claim, horizon: pl.DataFrame, decide: Callable[[list[dict[str, Any]]], list[Case]]) -> Finding:
    """Decide a claim by the rows of the horizon table at each criterion and factor of its threshold."""

    def judged(criterion: str, factor: float) -> list[Case]:
        return decide(horizon.filter(criterion=criterion, factor=factor).to_dicts())

    sensitivity = [
        (criterion, [combine(case.outcome for case in judged(criterion, factor)) for factor in FACTORS])
        for criterion in claim.criteria
    ]
    decided = judged(claim.criteria[0], 1.0)
    outcome = combine(case.outcome for case in decided)
    return Finding(claim.title, claim.rule, outcome, decided, list(FACTORS), sensitivity)
