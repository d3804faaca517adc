"""Which of the paper's findings hold in this study: each claim → its cases → decisions, by stated rules.

A case holds where the confidence set of a horizon (or the interval of a difference) shows it. It does not hold where a
test refutes it; the refutations of a claim are corrected for their number (Holm), since among a hundred tests at 5 %
chance alone refutes five. All other cases are undecided, or not measurable.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from infohorizon.analysis import cases
from infohorizon.analysis.cases import Case
from infohorizon.analysis.criteria import AGAINST_RANDOM, VANISHING, Criterion, Settings
from infohorizon.analysis.horizons import FACTORS, Whose
from infohorizon.analysis.statistics import holm

READING_TASKS = {"reading", "places", "digits", "textvqa", "ocrbench", "docvqa", "chartqa"}
HOLDS, FAILS, OPEN, UNMEASURED = "holds", "does not hold", "undecided", "not measurable"
ONE = {HOLDS: "holds", FAILS: "does not hold", OPEN: "is undecided", UNMEASURED: "is not measurable"}
SEVERAL = {HOLDS: "hold", FAILS: "do not hold", OPEN: "are undecided", UNMEASURED: "are not measurable"}
SCORES = ("scores",)


class Claim(NamedTuple):
    """A claim of the paper and the rule that decides its cases; the first of the criteria decides, at its threshold."""

    name: str
    title: str
    rule: str
    criteria: tuple[str, ...]
    factors: tuple[float, ...] = FACTORS


RANDOM = Claim(
    "random-suffices",
    "From some depth on, pruning strategies are no better than random",
    "A strategy's case holds if its advantage over random is shown to stay within the margin from some measured layer "
    "on (one-sided bounds, from the last layer down, at every keep). It does not hold if the advantage is "
    "significantly above the margin at the last measured layer. The oracle, which reads the label, does not count.",
    AGAINST_RANDOM,
)
VANISHES = Claim(
    "information-vanishes",
    "Token information vanishes at an intermediate layer, the information horizon",
    "A case holds if the whole confidence set of the horizon lies below the model's depth; it does not hold if the "
    "statistic is significantly above its threshold at the last measured layer. Where the image is worth nothing to "
    "the answer, there is no horizon to measure.",
    VANISHING,
)
READING = Claim(
    "reading-deeper",
    "The horizon lies deeper for reading than for other tasks",
    "For each model and each pair of a reading task (reading, places, digits, TextVQA, OCRBench, DocVQA, ChartQA) and "
    "another benchmark: holds if the reading task's whole set lies deeper, does not hold if none of it does.",
    VANISHING,
)
STRONGER = Claim(
    "stronger-deeper",
    "The horizon lies deeper for the stronger model",
    "For each benchmark and each pair of models of which one has the higher unpruned score (paired, mean over "
    "benchmarks, significant): holds if the stronger model's whole set lies deeper, does not hold if none of it does. "
    "Depths are compared as shares of all layers.",
    VANISHING,
)
HYBRIDS = Claim(
    "random-improves",
    "Random pruning in deep layers improves existing methods",
    "For each schedule with a `baseline` of equal mean tokens: holds if it scores significantly higher than that, does "
    "not hold if significantly lower.",
    SCORES,
    (1.0,),
)


PREDICTED = Claim(
    "one-pass-predicts",
    "One forward pass without labels predicts the horizon",
    "Not of this paper, but asked of it by a later one (EntropyPrune, arXiv 2602.17196). A case holds if the layer at "
    "which the matrix entropy of the visual states collapses lies in the confidence set of a horizon that is shown to "
    "be reached; it does not hold if it lies outside. Without a sharp collapse nothing is predicted.",
    ("information", "redundancy"),
    (1.0,),
)
CLAIMS = (RANDOM, VANISHES, READING, STRONGER, HYBRIDS, PREDICTED)


class Study(NamedTuple):
    """What the claims are decided from.

    Attributes:
        found: per model and benchmark its criteria, over all categories.
        answers: `observations.answers`, by which one of two models is the stronger.
        reading: benchmarks of reading tasks.
        oracles: strategies that read the label.
        collapses: (model, benchmark) → layer of the entropy's collapse, or None (analysis/collapse.py).
    """

    found: Mapping[Whose, Sequence[Criterion]]
    comparison: pl.DataFrame
    answers: pl.DataFrame
    reading: frozenset[str]
    oracles: frozenset[str]
    collapses: Mapping[tuple[str, str], int | None] = MappingProxyType({})


def findings(study: Study, settings: Settings) -> list[dict[str, Any]]:
    """Rows of the findings table: for each claim, criterion and factor the claim as a whole, then its cases."""
    stronger = cases.stronger(study.answers, settings)
    claims = {
        RANDOM: lambda at: cases.no_better(at, study.comparison, study.oracles),
        VANISHES: cases.vanishing,
        READING: lambda at: cases.by_task(at, study.reading),
        STRONGER: lambda at: cases.by_model(at, stronger),
        PREDICTED: lambda at: cases.predicted(at, study.collapses),
    }
    rows = []
    for claim, decide in claims.items():
        for criterion in claim.criteria:
            for factor in claim.factors:
                at = cases.At(study.found, criterion, factor, 1 - settings.confidence)
                rows += _rows(claim, criterion, factor, decide(at), settings)
    hybrids = cases.hybrids(study.comparison, 1 - settings.confidence)
    return rows + _rows(HYBRIDS, SCORES[0], 1.0, hybrids, settings)


def _rows(
    claim: Claim, criterion: str, factor: float, found: Sequence[Case], settings: Settings
) -> list[dict[str, Any]]:
    level = 1 - settings.confidence
    adjusted = _adjusted(found)
    decisions = [decision(case, p, level) for case, p in zip(found, adjusted, strict=True)]
    common = {"claim": claim.name, "criterion": criterion, "factor": factor}
    tested = sum(case.p_refuted is not None for case in found)
    whole = common | dict.fromkeys(("model", "benchmark", "subject", "p_refuted", "p_refuted_holm"))
    whole |= {"title": claim.title, "decision": combine(decisions), "evidence": _counts(decisions, tested, level)}
    return [
        whole,
        *(
            common
            | {"model": case.model, "benchmark": case.benchmark, "subject": case.subject, "title": case.title}
            | {"decision": decided, "evidence": case.evidence, "p_refuted": case.p_refuted, "p_refuted_holm": p}
            for case, p, decided in zip(found, adjusted, decisions, strict=True)
        ),
    ]


def _adjusted(found: Sequence[Case]) -> list[float | None]:
    """Holm over the refutations that were tested."""
    tested = [case.p_refuted for case in found if case.p_refuted is not None]
    adjusted = iter(holm(np.array(tested)).tolist())
    return [None if case.p_refuted is None else next(adjusted) for case in found]


def decision(case: Case, p_refuted: float | None, level: float) -> str:
    """What is decided of one case, given its corrected p of refutation."""
    if not case.measurable:
        return UNMEASURED
    if case.holds:
        return HOLDS
    return FAILS if p_refuted is not None and p_refuted <= level else OPEN


def combine(decisions: Sequence[str]) -> str:
    """One decision for all cases: holds if all do; without a case that could be measured nothing is decided."""
    measured = [decided for decided in decisions if decided != UNMEASURED]
    if not measured:
        return UNMEASURED if decisions else OPEN
    if FAILS in measured:
        return FAILS
    return OPEN if OPEN in measured else HOLDS


def _counts(decisions: Sequence[str], tested: int, level: float) -> str:
    if not decisions:
        return "This study has no case of it."
    number = {name: decisions.count(name) for name in SEVERAL}
    counts = [f"{count} {(ONE if count == 1 else SEVERAL)[name]}" for name, count in number.items() if count]
    found = f"Of {len(decisions)} cases {', '.join(counts)}"
    if not tested:
        return f"{found}."
    return (
        f"{found}; without a correction, chance alone would refute about {tested * level:.1f} of the {tested} tested."
    )
