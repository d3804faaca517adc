"""Decisions follow from planted horizons, in each of the outcomes, and from nothing else."""

import polars as pl
import pytest
import study_tables

from figures.planted import DEPTH, comparison_rows, findings_rows, horizon_row
from figures.synthetic import BENCHMARKS, MODELS, Study
from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.cases import Case, layers
from infohorizon.analysis.criteria import Settings, criteria
from infohorizon.analysis.findings import FAILS, HOLDS, OPEN, UNMEASURED, combine, decision, findings
from infohorizon.analysis.findings import Study as Judged
from infohorizon.analysis.horizons import Whose, horizons
from infohorizon.analysis.statistics import holm
from infohorizon.report.verdicts import verdicts

EMPTY = pl.DataFrame()


@pytest.fixture(scope="module")
def answers(study: Study) -> pl.DataFrame:
    """Those of the study; of `base`, half are wrong."""
    found = observations.answers(study.paths["answers"], observations.questions(study.questions))
    wrong = pl.col("question_id").str.slice(-1).cast(int) % 2 * (pl.col("model") == "base")
    return found.with_columns(score=pl.col("score") * (1 - wrong))


def planted(layers: dict, criterion: str, strategy: str = "") -> list[dict]:
    """Rows with (layer, low, high) for each (model, benchmark)."""
    return [
        horizon_row(model, benchmark, criterion, layer, low=low, high=high, strategy=strategy)
        for (model, benchmark), (layer, low, high) in layers.items()
    ]


def judged(rows: list[dict], claim: str, **others) -> tuple[str, list[dict]]:
    """The decision on a claim by its first criterion at its threshold, and its cases."""
    found = [row for row in findings_rows(rows, **others) if row["claim"] == claim and row["factor"] == 1.0]
    whole, *cases = [row for row in found if row["criterion"] == found[0]["criterion"]]
    assert whole["model"] is None
    return whole["decision"], cases


def test_the_planted_study_holds_and_says_why(study: Study) -> None:
    found = verdicts(tables.read(study.findings, "findings"))
    assert [verdict.decision for verdict in found] == [HOLDS] * 3 + [OPEN] * 3
    assert [len(verdict.cases) for verdict in found] == [12, 6, 4, 0, 0, 0]
    assert not any("information" in title for title, *_ in found[0].cases), "the oracle is no method"
    title, evidence, decided = found[0].cases[0]
    assert (title, decided) == ("base, knowledge, fastv", HOLDS)
    assert evidence == "2 to 4 of 8 (estimate 3); significantly better in 4 of 14 (layer, keep)"
    assert found[0].counts.startswith(
        "Of 12 cases 12 hold; without a correction, chance alone would refute about 0.6 of the 12"
    )


@pytest.mark.parametrize(
    ("reading", "outcome"), [((4, 3, 5), HOLDS), ((DEPTH, DEPTH, DEPTH), FAILS), ((7, 6, DEPTH), OPEN)]
)
def test_a_horizon_is_reached_refuted_or_open(reading: tuple[int, int, int], outcome: str) -> None:
    layers = {("base", "knowledge"): (3, 3, 3), ("base", "reading"): reading}
    for claim, criterion, strategy in (
        ("random-suffices", "no-advantage", "fastv"),
        ("information-vanishes", "information", ""),
    ):
        decided, cases = judged(planted(layers, criterion, strategy), claim)
        assert decided == outcome and [case["decision"] for case in cases] == [HOLDS, outcome]


def test_refutations_are_corrected_for_their_number() -> None:
    """p = 0.001 in one of 100 cases is no refutation; in one of 20 it is."""
    for count, outcome in ((100, OPEN), (20, FAILS)):
        layers = {("base", f"b{index:03}"): (3, 3, 3) for index in range(count - 1)}
        layers["base", "last"] = (DEPTH, DEPTH, DEPTH)
        decided, cases = judged(planted(layers, "information"), "information-vanishes")
        assert (decided, cases[-1]["decision"]) == (outcome, outcome)
        assert cases[-1]["p_refuted_holm"] == pytest.approx(0.001 * count)


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [((6, 5, 7), (3, 2, 4), HOLDS), ((3, 2, 4), (4, 4, 6), FAILS), ((5, 4, 6), (4, 3, 5), OPEN)],
)
def test_pairs(answers: pl.DataFrame, first: tuple, second: tuple, outcome: str) -> None:
    rows = planted({("base", "reading"): first, ("base", "knowledge"): second}, "information")
    decided, cases = judged(rows, "reading-deeper")
    assert decided == outcome and [case["title"] for case in cases] == ["base: reading deeper than knowledge"]
    rows = planted({("strong", "reading"): first, ("base", "reading"): second}, "information")
    decided, cases = judged(rows, "stronger-deeper", answers=answers)
    assert decided == outcome and [case["title"] for case in cases] == ["reading: strong deeper than base"]


def test_a_horizon_never_reached_is_deeper_than_any_reached_but_not_than_another() -> None:
    never, early = (DEPTH, DEPTH, DEPTH), (3, 2, 3)
    for first, second, outcome in ((never, early, HOLDS), (early, never, FAILS), (never, never, OPEN)):
        rows = planted({("base", "reading"): first, ("base", "knowledge"): second}, "information")
        assert judged(rows, "reading-deeper")[0] == outcome


def test_depths_of_different_models_are_compared_as_shares(answers: pl.DataFrame) -> None:
    deep = horizon_row("strong", "reading", "information", 15, low=15, high=15) | {"depth": 20}
    shallow = horizon_row("base", "reading", "information", 16, low=16, high=16) | {"depth": 32}
    assert judged([deep, shallow], "stronger-deeper", answers=answers)[0] == HOLDS


def test_models_of_equal_strength_are_no_case(answers: pl.DataFrame) -> None:
    equal = pl.concat([answers.filter(model="base"), answers.filter(model="base").with_columns(model=pl.lit("twin"))])
    rows = planted({("twin", "reading"): (6, 6, 6), ("base", "reading"): (3, 3, 3)}, "information")
    assert judged(rows, "stronger-deeper", answers=equal) == (OPEN, [])


def test_hybrids_are_compared_at_equal_tokens_only() -> None:
    (row,) = [one for one in comparison_rows("base", "reading", 3, [], {"hybrid": 16.0})]
    row |= {"baseline": "plain", "baseline_tokens": 20.0, "equal_tokens": True}
    better = row | {"difference": 0.1, "p_value": 0.001, "p_holm": 0.001}
    worse = row | {"difference": -0.1, "p_value": 0.001, "p_holm": 0.001}
    unequal = better | {"equal_tokens": False, "baseline_tokens": 25.0}
    for case, outcome in (
        (better, HOLDS),
        (worse, FAILS),
        (row | {"difference": 0.01, "p_holm": 0.4}, OPEN),
        (unequal, UNMEASURED),
    ):
        decided, cases = judged([], "random-improves", comparison=[case])
        assert (decided, len(cases)) == (outcome, 1)


def test_a_collapse_predicts_a_horizon_that_is_reached() -> None:
    reached, open_, pair = (4, 3, 5), (7, 6, DEPTH), ("base", "reading")
    for horizon, collapse, outcome in (
        (reached, 5, HOLDS),
        (reached, 6, FAILS),
        (reached, 2, FAILS),
        (open_, 7, OPEN),
        (open_, 3, FAILS),
        (reached, None, UNMEASURED),
    ):
        rows = planted({pair: horizon}, "information")
        decided, cases = judged(rows, "one-pass-predicts", collapses={pair: collapse})
        assert (decided, len(cases)) == (outcome, 1)
    whole = next(row for row in findings_rows(rows, collapses={pair: None}) if row["claim"] == "one-pass-predicts")
    assert whole["evidence"] == "Of 1 cases 1 is not measurable."  # and nothing of what chance would refute


def test_decisions() -> None:
    case = Case("m", "b", "", "m, b", False, 0.01, "")
    assert decision(case, 0.04, 0.05) == FAILS
    assert decision(case, 0.06, 0.05) == OPEN
    assert decision(case._replace(holds=True), 0.04, 0.05) == HOLDS
    assert decision(case._replace(measurable=False), None, 0.05) == UNMEASURED
    assert combine([HOLDS, OPEN, FAILS]) == FAILS
    assert combine([HOLDS, OPEN]) == OPEN
    assert combine([HOLDS, UNMEASURED]) == HOLDS
    assert combine([UNMEASURED]) == UNMEASURED
    assert combine([]) == OPEN


def test_decisions_are_those_of_the_horizon_table() -> None:
    """A real analysis: what a case says and how it is decided can be read off the row of the horizon table."""
    settings, found, rows = Settings(resamples=50, margin=0.1, equivalence=0.05), {}, []
    reached, never = (study_tables.study(count=200, seed=seed) for seed in (0, 1))
    never.sweeps["drop-all"] = never.sweeps["drop-all"].with_columns(score=pl.lit(0.0))
    for benchmark, own in (("reading", reached), ("knowledge", never)):
        whose = Whose("mini", benchmark, DEPTH)
        found[whose] = list(criteria(own, settings))
        rows += horizons(whose, found[whose], settings)
    judged = Judged(found, pl.DataFrame(tables.from_rows("comparison", [])), EMPTY, frozenset(), frozenset())
    decided = pl.DataFrame(tables.from_rows("findings", findings(judged, settings)))
    decided = decided.filter(pl.col("claim").is_in(["information-vanishes", "random-suffices"])).drop_nulls("model")
    horizon = pl.DataFrame(tables.from_rows("horizon", rows)).filter(pl.col("keep").is_null(), category="", removal="")
    on = ["model", "benchmark", "criterion", "factor"]
    both = decided.join(horizon, left_on=[*on, "subject"], right_on=[*on, "strategy"])
    assert both.height == decided.height == horizon.height
    for family in both.partition_by("claim", "criterion", "factor"):
        refuted = holm(family["p_beyond"].to_numpy()) <= 0.05
        for row, beyond in zip(family.to_dicts(), refuted, strict=True):
            assert row["evidence"].partition(";")[0] == layers(row)
            assert row["decision"] == (HOLDS if row["high"] < DEPTH else FAILS if beyond else OPEN)
    assert set(both["decision"]) == {HOLDS, FAILS, OPEN}


def test_every_row_fits_the_table(study: Study) -> None:
    found = tables.read(study.findings, "findings")
    wholes = found.filter(pl.col("model").is_null())
    assert not wholes.select("claim", "criterion", "factor").is_duplicated().any()
    assert found["model"].drop_nulls().unique().sort().to_list() == MODELS
    assert set(found["benchmark"].drop_nulls()) == set(BENCHMARKS)
