"""The cases of each claim: what is judged, whether it is shown, the p of its refutation, and the numbers behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product, takewhile
from typing import Any, NamedTuple

import polars as pl

from infohorizon.analysis.criteria import Criterion, Settings
from infohorizon.analysis.curves import Found
from infohorizon.analysis.differences import compare
from infohorizon.analysis.horizons import Whose, measured_worth
from infohorizon.analysis.statistics import cluster

LEVELS = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Confidence sets have no p: it is taken as the smallest of these levels at which they show something."""


class Case(NamedTuple):
    """A claim about one model and benchmark, or a pair.

    Attributes:
        subject: strategy, schedule, or what the pair's other half is.
        holds: whether it is shown.
        p_refuted: p of the test that would refute it; None where there is no such test.
        evidence: the numbers, in words.
    """

    model: str
    benchmark: str
    subject: str
    title: str
    holds: bool
    p_refuted: float | None
    evidence: str
    measurable: bool = True


class Half(NamedTuple):
    """A criterion and whose it is: one half of a pair."""

    whose: Whose
    criterion: Criterion


@dataclass(frozen=True)
class At:
    """The criteria of all models and benchmarks, of one name and at one multiple of its threshold."""

    found: Mapping[Whose, Sequence[Criterion]]
    criterion: str
    factor: float
    level: float

    def halves(self) -> list[Half]:
        """Each model and benchmark (and strategy) with its criterion over all keeps and categories."""
        return [
            Half(whose, criterion)
            for whose, criteria in self.found.items()
            for criterion in criteria
            if criterion.name == self.criterion
            and criterion.keep is None
            and not (criterion.category or criterion.removal)
        ]

    def horizon(self, whose: Whose, criterion: Criterion, level: float | None = None) -> Found | None:
        """None where it is not measurable."""
        if not measured_worth(criterion, self.level).enough:
            return None
        return criterion.curve.horizon(self.factor * criterion.threshold, level or self.level, whose.depth)


def layers(row: Mapping[str, Any]) -> str:
    """A horizon in words, its confidence set first: row with layer, low, high, depth (layer null: not measurable)."""
    layer, low, high, depth = (row[name] for name in ("layer", "low", "high", "depth"))
    if layer is None:
        return "not measurable"
    if low >= depth:
        return f"never, of {depth} layers"
    estimate = f"estimate {layer}" if layer < depth else "estimate: never"
    if high >= depth:
        return f"{low} or deeper, of {depth} ({estimate})"
    return f"{low} of {depth}" if low == high else f"{low} to {high} of {depth} ({estimate})"


def no_better(at: At, comparison: pl.DataFrame, oracles: frozenset[str]) -> list[Case]:
    """Each strategy against random; remark: at how many cells it is significantly better."""
    found = []
    for whose, criterion in at.halves():
        if criterion.strategy in oracles:
            continue
        own = {"model": whose.model, "benchmark": whose.benchmark, "name": criterion.strategy}
        cells = comparison.filter(pl.col("baseline") != "full", kind="strategy", **own)
        better = cells.filter(pl.col("p_holm") < at.level, pl.col("difference") > 0).height
        remark = f"; significantly better in {better} of {cells.height} (layer, keep)" if cells.height else ""
        found.append(_reached(at, whose, criterion, remark))
    return found


def vanishing(at: At) -> list[Case]:
    return [_reached(at, whose, criterion) for whose, criterion in at.halves()]


def _reached(at: At, whose: Whose, criterion: Criterion, remark: str = "") -> Case:
    """Is the horizon reached before the model ends?"""
    horizon = at.horizon(whose, criterion)
    names = (whose.model, whose.benchmark, criterion.strategy)
    title = ", ".join(name for name in names if name)
    if horizon is None:
        worth = measured_worth(criterion, at.level)
        evidence = f"the image is worth {worth.mean:.3f} (at least {worth.low:.3f}; {criterion.floor:g} is needed)"
        return Case(*names, title, False, None, evidence, measurable=False)
    return Case(*names, title, horizon.high < whose.depth, horizon.p_beyond, _words(whose, horizon) + remark)


def _words(whose: Whose, horizon: Found | None) -> str:
    """A horizon in words; None: not measurable."""
    found = horizon._asdict() if horizon else dict.fromkeys(Found._fields)
    return layers({**found, "depth": whose.depth})


def _p(shown: Callable[[float], bool]) -> float:
    """The smallest of LEVELS down to which something is shown at each; 1 where it is not."""
    return min(takewhile(shown, LEVELS), default=1.0)


def by_task(at: At, reading: frozenset[str]) -> list[Case]:
    """Each reading task against each other task of the same model."""
    return [
        _deeper(at, first, second, b.benchmark, f"{a.model}: {a.benchmark} deeper than {b.benchmark}")
        for first, second in product(at.halves(), repeat=2)
        for a, b in [(first.whose, second.whose)]
        if a.model == b.model and a.benchmark in reading and b.benchmark not in reading
    ]


def by_model(at: At, stronger: set[tuple[str, str]]) -> list[Case]:
    """Each stronger model against each weaker one on the same benchmark."""
    return [
        _deeper(at, first, second, b.model, f"{a.benchmark}: {a.model} deeper than {b.model}")
        for first, second in product(at.halves(), repeat=2)
        for a, b in [(first.whose, second.whose)]
        if a.benchmark == b.benchmark and (a.model, b.model) in stronger
    ]


def _deeper(at: At, first: Half, second: Half, subject: str, title: str) -> Case:
    """Does the first horizon lie deeper? Depths are shares of all layers."""
    one, other, a, b = at.horizon(*first), at.horizon(*second), first.whose, second.whose
    names = (a.benchmark, b.benchmark) if a.model == b.model else (a.model, b.model)
    evidence = f"{names[0]}: {_words(a, one)}; {names[1]}: {_words(b, other)}"
    about = (a.model, a.benchmark, subject, title)
    if one is None or other is None:
        return Case(*about, False, None, evidence, measurable=False)
    deeper = one.low / a.depth > other.high / b.depth

    def shallower(level: float) -> bool:
        """Is the first shown to be reached, no deeper than the second?"""
        one, other = at.horizon(*first, level), at.horizon(*second, level)
        assert one is not None and other is not None
        return one.high < a.depth and one.high / a.depth <= other.low / b.depth

    return Case(*about, deeper, 1.0 if deeper else _p(shallower), evidence)


def predicted(at: At, collapses: Mapping[tuple[str, str], int | None]) -> list[Case]:
    """Does the collapse of the visual states' entropy lie in the horizon's confidence set?"""
    return [
        _predicted(at, whose, criterion, collapses[whose.model, whose.benchmark])
        for whose, criterion in at.halves()
        if (whose.model, whose.benchmark) in collapses
    ]


def _predicted(at: At, whose: Whose, criterion: Criterion, collapse: int | None) -> Case:
    horizon = at.horizon(whose, criterion)
    about = (whose.model, whose.benchmark, "entropy collapse", f"{whose.model}, {whose.benchmark}")
    words = "no sharp collapse" if collapse is None else f"collapse at layer {collapse}"
    evidence = f"{words}; horizon: {_words(whose, horizon)}"
    if collapse is None or horizon is None:
        return Case(*about, False, None, evidence, measurable=False)

    def outside(level: float) -> bool:
        wider = at.horizon(whose, criterion, level)
        return wider is not None and not wider.low <= collapse <= wider.high

    inside = horizon.low <= collapse <= horizon.high < whose.depth
    return Case(*about, inside, _p(outside), evidence)


def hybrids(comparison: pl.DataFrame, level: float) -> list[Case]:
    """Each schedule against its baseline at equal mean tokens."""
    rows = comparison.filter(pl.col("baseline") != "full", kind="schedule")
    return [
        Case(
            row["model"],
            row["benchmark"],
            row["name"],
            f"{row['model']}, {row['benchmark']}: {row['name']} better than {row['baseline']}",
            row["p_holm"] <= level and row["difference"] > 0,
            None if not row["equal_tokens"] else row["p_value"] if row["difference"] < 0 else 1.0,
            f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}] at {row['tokens']:.4g} against "
            f"{row['baseline_tokens']:.4g} mean tokens",
            measurable=bool(row["equal_tokens"]),
        )
        for row in rows.iter_rows(named=True)
    ]


def stronger(answers: pl.DataFrame, settings: Settings) -> set[tuple[str, str]]:
    """(a, b): a's unpruned score is higher than b's; paired per question, by image, each benchmark weighs the same."""
    if answers.is_empty():
        return set()
    full = answers.filter(condition="full")
    models = full["model"].unique().sort().to_list()
    return {
        (a, b)
        for a in models
        for b in models
        if a != b and _is_stronger(full.filter(model=a), full.filter(model=b), settings)
    }


def _is_stronger(first: pl.DataFrame, second: pl.DataFrame, settings: Settings) -> bool:
    pairs = first.join(second, on=["benchmark", "question_id"], suffix="_second")
    if pairs.is_empty():
        return False
    weight = 1 / pl.len().over("benchmark")
    gains = pairs.select(
        gain=(pl.col("score") - pl.col("score_second")) * weight / weight.mean(),
        image=pl.concat_str("benchmark", "image_id", separator="/"),
    )
    data = cluster(gains["gain"].to_numpy()[:, None], gains["image"].to_numpy())
    found = compare(data, settings.confidence, settings.resamples, settings.seed)
    return bool(found.low[0] > 0)
