"""Verdicts follow from planted horizons, in each of the three outcomes, and from nothing else."""

import polars as pl
import pytest

from figures.planted import DEPTH, horizon_row
from figures.synthetic import BENCHMARKS, MODELS, Study
from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.cases import FAILS, HOLDS, OPEN, combine, deeper, reached
from infohorizon.analysis.findings import Finding, findings

TASKS = {"knowledge": "knowledge", "perception": "perception", "reading": "reading"}


def judged(study: Study, horizon: list[dict] | pl.DataFrame, tasks=TASKS, models=MODELS, best="") -> dict[str, Finding]:
    """Findings by a short name; best=FAILS: every strategy is significantly better than random at every layer."""
    if isinstance(horizon, list):
        horizon = pl.from_arrow(tables.from_rows("horizon", horizon))
    questions = observations.questions(study.questions)
    comparison = tables.read(study.comparison, "comparison")
    if best == FAILS:
        comparison = comparison.with_columns(difference=pl.lit(0.2), p_holm=pl.lit(0.001))
    information = observations.information(study.paths["information"], questions)
    answers = observations.answers(study.paths["answers"], questions)
    found = findings(horizon, comparison, information, answers, tasks, models)
    return dict(zip(["random", "vanishes", "reading", "stronger"], found, strict=True))


def planted(layers: dict[tuple[str, str], tuple[int, int, int]], criterion: str, strategy: str = "") -> list[dict]:
    """Rows with (layer, low, high) for each (model, benchmark)."""
    return [
        horizon_row(model, benchmark, criterion, layer, low=low, high=high, strategy=strategy)
        for (model, benchmark), (layer, low, high) in layers.items()
    ]


def test_the_planted_study_holds_and_says_why(study: Study) -> None:
    found = judged(study, tables.read(study.horizon, "horizon"))
    assert {name: finding.outcome for name, finding in found.items()} == dict.fromkeys(found, HOLDS)
    assert [len(finding.cases) for finding in found.values()] == [12, 6, 4, 3]
    assert not any("information" in case.what for case in found["random"].cases)  # the oracle is no method
    first = found["random"].cases[0]
    assert first.what == "base, knowledge, fastv"
    assert "layer 3 [2, 4] of 8; significantly better at 4 of 4 (layer, keep) before it, 0 of 10" in first.numbers
    # Half the threshold puts the reading horizon of the stronger model at the depth: not reached.
    assert dict(found["vanishes"].sensitivity)["information"] == [FAILS, HOLDS, HOLDS]


@pytest.mark.parametrize(
    ("reading", "outcome"),
    [((4, 3, 5), HOLDS), ((DEPTH, DEPTH, DEPTH), FAILS), ((7, 6, DEPTH), OPEN)],
)
def test_findings_1_and_2(study: Study, reading: tuple[int, int, int], outcome: str) -> None:
    layers = {("base", "knowledge"): (3, 3, 3), ("base", "reading"): reading}
    found = judged(study, planted(layers, "no-advantage", "fastv") + planted(layers, "information"), best=outcome)
    assert found["random"].outcome == found["vanishes"].outcome == outcome
    assert [case.outcome for case in found["vanishes"].cases] == [HOLDS, outcome]


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [((6, 5, 7), (3, 2, 4), HOLDS), ((3, 2, 4), (4, 4, 6), FAILS), ((5, 4, 6), (4, 3, 5), OPEN)],
)
def test_findings_3a_and_3b(study: Study, first: tuple, second: tuple, outcome: str) -> None:
    tasks = judged(study, planted({("base", "reading"): first, ("base", "knowledge"): second}, "information"))
    assert tasks["reading"].outcome == outcome and len(tasks["reading"].cases) == 1
    models = judged(study, planted({("strong", "reading"): first, ("base", "reading"): second}, "information"))
    assert models["stronger"].outcome == outcome
    assert models["stronger"].cases[0].what == "reading: strong deeper than base"


def test_one_failing_case_is_enough_and_no_case_decides_nothing(study: Study) -> None:
    assert combine([HOLDS, OPEN, FAILS]) == FAILS
    assert combine([HOLDS, OPEN]) == OPEN
    assert combine([]) == OPEN
    found = judged(study, [], models=["base"])
    assert all(finding.outcome == OPEN and not finding.cases for finding in found.values())


def test_a_horizon_never_reached_is_deeper_than_any_reached_but_not_than_another() -> None:
    never = {"low": DEPTH, "high": DEPTH, "depth": DEPTH, "criterion": "information"}
    early = {"low": 2, "high": 3, "depth": DEPTH, "criterion": "information"}
    assert (deeper(never, early), deeper(early, never), deeper(never, never)) == (HOLDS, FAILS, OPEN)
    assert (reached(never), reached(early)) == (FAILS, HOLDS)


def test_a_bound_never_reached_shows_nothing_by_itself(study: Study) -> None:
    never = planted({("base", "reading"): (DEPTH, DEPTH, DEPTH)}, "no-advantage", "fastv")
    assert judged(study, never)["random"].outcome == OPEN
    assert judged(study, never, best=FAILS)["random"].outcome == FAILS
    row = {"low": DEPTH, "high": DEPTH, "depth": DEPTH, "criterion": "redundancy"}
    assert (reached(row), reached(row, refuted=True)) == (OPEN, FAILS)
    assert deeper(row, row | {"low": 2, "high": 3}) == OPEN


def test_depths_of_different_models_are_compared_as_shares() -> None:
    shallow = {"low": 16, "high": 16, "depth": 32, "criterion": "information"}
    deep = {"low": 15, "high": 15, "depth": 20, "criterion": "information"}
    assert (deeper(deep, shallow), deeper(shallow, deep)) == (HOLDS, FAILS)


def test_models_of_equal_strength_are_no_case(study: Study) -> None:
    questions = observations.questions(study.questions)
    answers = observations.answers(study.paths["answers"], questions)
    equal = pl.concat([answers.filter(model="base"), answers.filter(model="base").with_columns(model=pl.lit("twin"))])
    rows = planted({("twin", "reading"): (6, 6, 6), ("base", "reading"): (3, 3, 3)}, "information")
    horizon = pl.from_arrow(tables.from_rows("horizon", rows))
    nothing = pl.DataFrame()
    comparison = tables.read(study.comparison, "comparison")
    found = findings(horizon, comparison, nothing, equal, TASKS, ["base", "twin"])[3]
    assert found.outcome == OPEN and not found.cases


def test_reading_is_told_by_the_task_not_by_the_name(study: Study) -> None:
    rows = planted({("base", "knowledge"): (6, 6, 6), ("base", "perception"): (3, 3, 3)}, "information")
    found = judged(study, rows, tasks={name: "textvqa" if name == "knowledge" else "mme" for name in BENCHMARKS})
    assert found["reading"].cases[0].what == "base: knowledge deeper than perception"
