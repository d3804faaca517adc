"""Horizons: planted ones are found, and what is missing, broken or too little is treated as such."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_tables import DEPTH, FULL, answers, information, only, questions, removals, rows_of, study, sweep

from infohorizon.analysis.criteria import VANISHING, Settings, criteria
from infohorizon.analysis.curves import Bounded, first_layer
from infohorizon.analysis.panels import Tables
from infohorizon.analysis.reading import over_windows
from infohorizon.analysis.statistics import cluster
from infohorizon.errors import UserError
from infohorizon.report.verdicts import by_pair
from infohorizon.tables import from_rows

QUICK = Settings(resamples=60)


def from_curve(curve, count=30, divergence=None, depth=DEPTH):
    """The rows of a study in which every question has the same curve."""
    table = information(np.tile(curve, (count, 1)), None if divergence is None else np.tile(divergence, (count, 1)))
    full = answers(np.ones(count))
    return rows_of(Tables("mini", "made-up", depth, questions(count), full, over_windows(table)), QUICK)


def against_random(advantage, count=300, keeps=(2.0, 4.0)):
    """Rows of a strategy that beats random (0.5 everywhere) by advantage (layers, keeps) on average, noise ± 0.01."""
    noise = np.random.default_rng(0).normal(0, 0.01, (count, *np.shape(advantage)))
    scores = 0.5 + np.asarray(advantage) + noise - noise.mean(axis=0)
    sweeps = {"random": sweep(np.full((*scores.shape, 3), 0.5), keeps), "fastv": sweep(scores[..., None], keeps)}
    return rows_of(Tables("mini", "made-up", DEPTH, questions(count), sweeps=sweeps), QUICK)


@pytest.mark.parametrize(
    ("holds", "expected"),
    [("1111", 0), ("0000", 8), ("0111", 2), ("0101", 6), ("1011", 4), ("1110", 8), ("0001", 6)],
)
def test_first_layer_by_hand(holds, expected):
    assert first_layer(np.array([mark == "1" for mark in holds]), np.array([0, 2, 4, 6]), 8) == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=12))
def test_first_layer_is_the_definition(cells):
    layers, holds = (np.array(column) for column in zip(*cells, strict=True))
    measured = sorted(set(layers.tolist()))
    good = [layer for layer in measured if all(holds[layers >= layer])]
    assert first_layer(holds, layers, 9) == min(good, default=9)


def test_planted_information_horizon():
    rows = from_curve([0.5, 0.6, 0.4, 0.3, 0.05, 0.05, 0.01, 0])
    assert [only(rows, "information", factor)["layer"] for factor in (0.5, 1, 2)] == [6, 4, 4]
    row = only(rows, "information")
    assert (row["low"], row["high"], row["threshold"], row["depth"]) == (4, 4, 0.1, DEPTH)
    assert only(rows, "answer-information")["layer"] == 4


def test_a_dip_that_recovers_does_not_end_the_information():
    assert only(from_curve([0.5, 0.01, 0.01, 0.3, 0.01, 0, 0, 0]), "information")["layer"] == 4


def test_information_that_stays_is_never_beyond_the_horizon():
    assert only(from_curve([0.2] * DEPTH), "information")["layer"] == DEPTH
    assert only(from_curve([0, 0, 0, 0, 0, 0, 0, 0.2]), "information")["layer"] == DEPTH


def test_an_image_that_is_worth_nothing_has_no_horizon():
    table, asked = over_windows(information(np.zeros((30, DEPTH)))), questions(30)
    for worth, expected in ((0.6, 0), (0.019, None), (-0.3, None)):
        rows = rows_of(Tables("mini", "made-up", DEPTH, asked, answers(np.ones(30), worth), table), QUICK)
        row = only(rows, "information")
        assert (row["layer"], row["low"], row["high"]) == (expected,) * 3
        assert row["worth"] == pytest.approx(worth) and row["worth_low"] < worth


def test_worth_is_judged_by_its_lower_bound():
    """One question in 100 to which the image is worth everything: 0.01 on average, and maybe nothing."""
    table, worth = over_windows(information(np.zeros((100, DEPTH)))), [0.9] * 4 + [0.0] * 96
    tables = Tables("mini", "made-up", DEPTH, questions(100), answers(np.ones(100), worth), table)
    row = only(rows_of(tables, QUICK), "information")
    assert row["worth"] == pytest.approx(0.036) and row["worth_low"] < 0.02 and row["layer"] is None


@pytest.mark.parametrize(
    ("worth", "words"), [(0.01, "the horizon, from which on at most 10% of that is left"), (-0.3, "too little")]
)
def test_a_floor_of_0_still_says_what_the_image_is_worth(worth, words):
    table = over_windows(information(np.zeros((30, DEPTH))))
    tables = Tables("mini", "made-up", DEPTH, questions(30), answers(np.ones(30), worth), table)
    rows = rows_of(tables, replace(QUICK, floor=0))
    assert only(rows, "information")["worth"] == pytest.approx(worth)
    assert only(rows, "label-free-trimmed")["worth"] is None, "it has no reference"
    said = by_pair(pl.from_arrow(from_rows("horizon", rows)), [])["mini", "made-up"]
    assert f"the image is worth {worth:.2f} of the label's probability" in said and words in said


def test_layer_0_normalises_nothing():
    """Without the rows of layer 0, or with absurd ones, the horizon is the same."""
    curve = np.tile([5.0, 0.6, 0.4, 0.3, 0.05, 0.05, 0.01, 0], (30, 1))
    full, asked = answers(np.ones(30)), questions(30)
    table = over_windows(information(curve))
    for own in (table, table.filter(pl.col("layer") > 0)):
        row = only(rows_of(Tables("mini", "made-up", DEPTH, asked, full, own), QUICK), "information")
        assert (row["layer"], row["low"], row["high"]) == (4, 4, 4)


def test_sampled_windows_change_no_horizon():
    table = information(np.random.default_rng(0).uniform(0, 0.5, (30, DEPTH)) * np.exp(-np.arange(DEPTH)))
    full, asked = answers(np.ones(30)), questions(30)
    every, some = (
        rows_of(Tables("mini", "made-up", DEPTH, asked, full, over_windows(part)), QUICK)
        for part in (table, table.filter(window=1))
    )
    assert every == some


def test_label_free_criteria():
    rows = from_curve([0.1] * DEPTH, divergence=[1, 0.001, 0.02, 0.005, 0.002, 0.001, 0.0005, 0])
    assert only(rows, "label-free")["layer"] == 4, "every question moves by 0.005 nats at layer 3"
    assert only(rows, "label-free")["high"] == DEPTH, "30 images cannot show that less than 5 % move"
    assert [only(rows, "label-free-trimmed", factor)["layer"] for factor in (0.5, 1, 2)] == [5, 4, 3]
    assert [only(rows, "label-free-ratio", factor)["layer"] for factor in (0.1, 0.5, 1, 2) if factor > 0.1] == [1, 1, 1]


def test_a_few_questions_do_not_decide_the_label_free_horizon():
    """3 of 200 questions carry the whole divergence: few move, and trimming leaves them out."""
    divergence = np.zeros((200, DEPTH))
    divergence[:3] = 5.0
    table = over_windows(information(np.zeros((200, DEPTH)), divergence))
    rows = rows_of(Tables("mini", "made-up", DEPTH, questions(200), answers(np.ones(200)), table), QUICK)
    found = {name: only(rows, name)["layer"] for name in ("label-free", "label-free-trimmed", "label-free-ratio")}
    assert found == {"label-free": 0, "label-free-trimmed": 0, "label-free-ratio": DEPTH}


def test_a_statistic_at_its_threshold_counts_as_below():
    table = over_windows(information(np.full((4, DEPTH), 0.1), np.full((4, DEPTH), 0.25)))
    tables = Tables("mini", "made-up", DEPTH, questions(4), answers(np.ones(4)), table)
    assert only(rows_of(tables, replace(QUICK, divergence=0.25)), "label-free-trimmed")["layer"] == 0


def test_peaks_are_the_largest_change_in_either_direction():
    """Two windows with information −0.2 and 0.1, half of it for the whole answer."""
    row = {"question_id": "q0000", "layer": 0, "information": 0.2, "answer_information": 0.1, "text_divergence": 0.5}
    row |= {"spread": 0.15, "mean_information": 0.15, "text_probability": 1.1, "text_answer_probability": 0.9}
    assert over_windows(information(np.array([[-0.2]]), np.array([[0.5]]))).to_dicts() == [pytest.approx(row)]


def test_layers_may_be_a_subset():
    table = over_windows(information(np.tile([0.5, 0.6, 0.4, 0.3, 0.05, 0.05, 0.01, 0], (9, 1))))
    table = table.filter(pl.col("layer").is_in([1, 3, 5]))
    rows = rows_of(Tables("mini", "made-up", DEPTH, questions(9), answers(np.ones(9)), table), QUICK)
    assert only(rows, "information")["layer"] == 5
    assert only(rows, "information", 0.5)["layer"] == DEPTH


def test_redundancy_is_non_inferiority():
    """Dropping all tokens costs everything before layer 3, 5 of 300 questions at layers 3 and 4, nothing later."""
    full = np.ones(300)
    dropped = np.zeros((300, DEPTH, 1, 1))
    dropped[:, 3:], dropped[:5, 3:5] = 1, 0
    tables = Tables("m", "b", DEPTH, questions(300), answers(full), sweeps={"drop-all": sweep(dropped, (0.0,))})
    rows = rows_of(tables, QUICK)
    assert [only(rows, "redundancy", factor)["layer"] for factor in (0.5, 1, 2)] == [5, 3, 3]
    assert [only(rows, "redundancy", factor)["low"] for factor in (0.5, 1, 2)] == [3, 3, 3]
    assert [only(rows, "redundancy", factor)["high"] for factor in (0.5, 1, 2)] == [DEPTH, 5, 3]
    row = only(rows_of(replace(tables, questions=questions(300).head(60)), QUICK), "redundancy")
    assert (row["layer"], row["low"], row["high"]) == (5, 3, DEPTH), "60 images cannot show a margin of 0.02"


def test_parity_with_random():
    rows = against_random([[0.1, 0.1]] * 4 + [[0, 0]] * 4)
    for keep in (None, 2.0, 4.0):
        for criterion in ("no-advantage", "random-parity"):
            row = only(rows, criterion, strategy="fastv", keep=keep)
            assert (row["layer"], row["low"], row["high"]) == (4, 4, 4)


def test_worse_than_random_is_no_advantage_but_no_parity():
    rows = against_random([[0.1, 0.1]] * 4 + [[-0.1, -0.1]] * 4)
    assert only(rows, "no-advantage", keep=None)["layer"] == 4
    assert only(rows, "random-parity", keep=None)["layer"] == DEPTH


def test_an_advantage_at_one_keep_is_not_averaged_away():
    rows = against_random([[0.1, 0]] * 6 + [[0, 0]] * 2)
    assert [only(rows, "random-parity", keep=keep)["layer"] for keep in (None, 2.0, 4.0)] == [6, 6, 0]


def test_a_small_but_significant_advantage_is_inside_the_margin():
    """0.005 ± 0.01 with 3000 questions: significant, and shown to be below 0.02. The margin decides."""
    rows = against_random([[0.005]] * DEPTH, count=3000, keeps=(2.0,))
    for name in ("random-parity", "no-advantage"):
        assert only(rows, name, keep=2.0)["high"] == 0 and only(rows, name, keep=2.0)["p_beyond"] > 0.99


def test_an_advantage_above_the_margin_is_never_reached():
    row = only(against_random([[0.1, 0.1]] * DEPTH), "no-advantage", keep=None)
    assert (row["layer"], row["low"], row["high"]) == (DEPTH,) * 3 and row["p_beyond"] < 1e-6


def test_unequal_numbers_of_tokens_are_not_compared():
    """fastv keeps 4 of 4 at one keep and 1 instead of 2 at the other, where a matched random one is its baseline."""
    fastv = sweep(np.ones((60, DEPTH, 2, 1)), (2.0, 4.0))
    fewer = fastv.with_columns(tokens=pl.when(pl.col("keep") == 2).then(1).otherwise(4))
    random = sweep(np.ones((60, DEPTH, 2, 3)), (2.0, 4.0))
    alike = random.with_columns(tokens=pl.when(pl.col("keep") == 2).then(1).otherwise(4))
    plain = Tables("m", "b", DEPTH, questions(60), sweeps={"random": random, "fastv": fewer, "alike": alike})
    found = {row["keep"] for row in rows_of(plain, QUICK) if row["strategy"] == "fastv"}
    assert found == {None, 4.0}
    matched = replace(plain, matched={"fastv": "alike"})
    rows = rows_of(matched, QUICK)
    assert {row["keep"] for row in rows} == {None, 2.0, 4.0} and {row["strategy"] for row in rows} == {"fastv"}


def test_removals_have_horizons_of_their_own():
    """What the removals table holds of `delete` gives the very rows of information and drop-all."""
    tables = study(count=60)
    usable = FULL - tables.information.sort("question_id", "layer")["text_probability"].to_numpy().reshape(60, DEPTH)
    dropped = tables.sweeps["drop-all"].sort("question_id", "layer")["score"].to_numpy().reshape(60, DEPTH)
    with_removals = replace(tables, removals=removals(usable, dropped))
    rows = rows_of(with_removals, QUICK)
    assert {row["removal"] for row in rows} == {"", "delete", "mean"}
    own = [row for row in rows if not row["removal"] and row["criterion"] in VANISHING]
    for name in ("delete", "mean"):
        found = [row for row in rows if row["removal"] == name]
        assert [row["layer"] for row in found] == [row["layer"] for row in own]
        assert [row | {"removal": ""} for row in found] == [pytest.approx(row) for row in own]
    assert [row for row in rows if not row["removal"]] == rows_of(tables, QUICK)


def test_every_category_has_rows_of_its_own():
    tables = study(count=60, per_image=2, categories=3)
    rows = rows_of(tables, QUICK)
    assert {row["category"] for row in rows} == {"", "c0", "c1", "c2"}
    alone = replace(tables, questions=tables.questions.filter(category="c1"))
    expected = [row | {"category": "c1"} for row in rows_of(alone, QUICK) if row["criterion"] in VANISHING]
    assert [row for row in rows if row["category"] == "c1"] == expected


@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_estimate_lies_in_its_set(seed, both):
    rng = np.random.default_rng(seed)
    data = cluster(rng.choice([-1.0, 0, 0, 0, 1], size=(80, DEPTH), p=[0.1, 0.3, 0.3, 0.2, 0.1]), np.arange(80) // 2)
    for margin in (0.02, 0.1, 0.3):
        found = Bounded(data, np.arange(DEPTH), both).horizon(margin, 0.05, DEPTH)
        assert found.low <= found.layer <= found.high


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_a_looser_threshold_never_moves_a_horizon_deeper(seed):
    rows = rows_of(study(count=20, seed=seed), Settings(resamples=20, margin=0.3, equivalence=0.3, divergence=0.01))
    by_criterion = {}
    for row in rows:
        by_criterion.setdefault((row["criterion"], row["category"], row["strategy"], row["keep"]), []).append(row)
    for group in by_criterion.values():
        assert [row["factor"] for row in group] == [0.5, 1, 2]
        for column in ("layer", "low", "high") if group[0]["layer"] is not None else ():
            assert sorted((row[column] for row in group), reverse=True) == [row[column] for row in group]


def test_one_image_says_nothing_about_others():
    rows = rows_of(study(count=3, per_image=3), QUICK)
    assert {(row["images"], row["questions"]) for row in rows} == {(1, 3)}
    assert {row["high"] for row in rows} <= {DEPTH, None}
    assert only(rows, "information")["layer"] is None, "one image does not show what images are worth"


def test_every_criterion_fits_the_table():
    table = pl.from_arrow(from_rows("horizon", rows_of(study(), QUICK)))
    assert table["criterion"].unique(maintain_order=True).to_list() == [
        *VANISHING[:-1],
        "no-advantage",
        "random-parity",
    ]
    assert table.drop("keep", "worth", "worth_low").null_count().sum_horizontal().item() == 0
    assert (table["low"] <= table["layer"]).all() and (table["layer"] <= table["high"]).all()
    assert table["layer"].is_between(0, DEPTH).all()


def test_what_was_not_run_is_absent():
    bare = Tables("mini", "made-up", DEPTH, questions(4), answers(np.ones(4)))
    assert list(criteria(bare, QUICK)) == []
    no_random = replace(study(), sweeps={"fastv": study().sweeps["fastv"]}, information=None)
    assert rows_of(no_random, QUICK) == []


def test_strategies_without_a_common_cell_with_random_are_absent():
    sweeps = {"random": sweep(np.ones((4, 2, 1, 1))), "fastv": sweep(np.ones((4, 2, 1, 1)), (2.0,))}
    assert rows_of(Tables("mini", "made-up", DEPTH, questions(4), sweeps=sweeps), QUICK) == []


def test_missing_rows_are_an_error():
    tables = study()
    with pytest.raises(UserError, match="information of mini on made-up: not every question has a row for each layer"):
        rows_of(replace(tables, information=tables.information[1:]), QUICK)


def test_a_value_that_is_no_number_is_named():
    """A single window is enough: NaN must not be skipped by the maximum."""
    table = information(np.full((4, DEPTH), 0.1))
    broken = pl.when(question_id="q0002", layer=5, window=1).then(np.nan).otherwise("information")
    table = over_windows(table.with_columns(information=broken))
    with pytest.raises(UserError, match="'information' of question q0002 at layer 5 is not a finite number"):
        rows_of(Tables("mini", "made-up", DEPTH, questions(4), answers(np.ones(4)), table), QUICK)
