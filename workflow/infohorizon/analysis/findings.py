"""Which of the paper's findings hold in this study: decided from the horizon table by stated rules, never by hand.

A finding is a claim about every model and benchmark. Each case is decided from bootstrap intervals; the finding holds
where every case holds, does not hold where at least one case does not, and is else not decidable.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import polars as pl

from infohorizon.analysis import cases
from infohorizon.analysis.cases import Case, combine

HORIZONS = ("information", "answer-information", "label-free", "redundancy")
AGAINST_RANDOM = ("no-advantage", "random-parity")
READING = {"reading", "textvqa", "ocrbench", "docvqa", "chartqa"}

Decide = Callable[[str, float], list[Case]]


class Finding(NamedTuple):
    """A claim of the paper, its rule, its cases, the outcome, and that under other criteria and thresholds."""

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
        information: `data.information`.
        answers: `data.answers`; the stronger of two models has the higher unpruned score.
        tasks: benchmark → task.
    """
    reading = {name for name, task in tasks.items() if READING & {name, task}}
    strongest = cases.stronger(answers, list(models))
    rows = _rows(horizon.filter(pl.col("keep").is_null()))
    return [
        _finding(
            "1. From some depth on, pruning strategies are no better than random",
            "A strategy's case holds if the whole interval of its layer (from which on it never has a significant "
            "advantage over random, and any advantage is shown to be inside the margin) lies below the model's depth. "
            "It does not hold if that layer is never reached and at the last measured layer the strategy is still "
            "significantly better than random (5 %, Holm). The oracle, which reads the label, is no strategy here.",
            lambda criterion, factor: cases.no_better(rows(criterion, factor), comparison),
            AGAINST_RANDOM,
        ),
        _finding(
            "2. Token information vanishes at an intermediate layer, the information horizon",
            "A case holds if the whole interval of the horizon lies below the model's depth; it does not hold if the "
            "whole interval lies at the depth. The spread over windows can be no larger than the largest "
            "|information|: where that has vanished, information has become uniform.",
            lambda criterion, factor: cases.vanishing(rows(criterion, factor), information, comparison),
            HORIZONS,
        ),
        _finding(
            "3a. The horizon lies deeper for reading than for other tasks",
            "For each model and each pair of a reading task (reading, TextVQA, OCRBench, DocVQA, ChartQA) and another "
            "benchmark: holds if the reading task's whole interval lies deeper, does not hold if none of it does.",
            lambda criterion, factor: cases.by_task(rows(criterion, factor), reading),
            HORIZONS,
        ),
        _finding(
            "3b. The horizon lies deeper for the stronger model",
            "For each benchmark and each pair of models of which one has the higher unpruned score (the interval of "
            "the paired difference, mean over benchmarks, leaves out zero): holds if the stronger model's whole "
            "interval lies deeper, does not hold if none of it does. Depths are compared as shares of all layers.",
            lambda criterion, factor: cases.by_model(rows(criterion, factor), strongest),
            HORIZONS,
        ),
    ]


def _finding(title: str, rule: str, decide: Decide, criteria: tuple[str, ...]) -> Finding:
    factors = [0.5, 1.0, 2.0]
    decided = decide(criteria[0], 1.0)
    table = [
        (name, [combine(case.outcome for case in decide(name, factor)) for factor in factors]) for name in criteria
    ]
    return Finding(title, rule, combine(case.outcome for case in decided), decided, factors, table)


def _rows(horizon: pl.DataFrame) -> Callable[[str, float], list[dict[str, Any]]]:
    return lambda criterion, factor: horizon.filter(criterion=criterion, factor=factor).to_dicts()
