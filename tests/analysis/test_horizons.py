"""Horizons: planted ones are found, and what is missing, broken or too little is treated as such."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_tables import DEPTH, answers, information, only, questions, study, sweep

from infohorizon.analysis.horizons import Settings, first_layer, horizons
from infohorizon.analysis.panels import Tables, over_windows
from infohorizon.errors import UserError
from infohorizon.tables import from_rows

QUICK = Settings(resamples=60)


def from_curve(curve, count=30, divergence=None, depth=DEPTH):
    """The rows of a study in which every question has the same curve."""
    table = information(np.tile(curve, (count, 1)), None if divergence is None else np.tile(divergence, (count, 1)))
    return horizons(Tables("mini", "made-up", depth, questions(count), information=over_windows(table)), QUICK)


def against_random(advantage, count=300, keeps=(2.0, 4.0)):
    """Rows of a strategy that beats random (0.5 everywhere) by advantage (layers, keeps) on average, noise ± 0.01."""
    noise = np.random.default_rng(0).normal(0, 0.01, (count, *np.shape(advantage)))
    scores = 0.5 + np.asarray(advantage) + noise - noise.mean(axis=0)
    sweeps = {"random": sweep(np.full((*scores.shape, 3), 0.5), keeps), "fastv": sweep(scores[..., None], keeps)}
    return horizons(Tables("mini", "made-up", DEPTH, questions(count), sweeps=sweeps), QUICK)


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


def test_without_any_information_the_first_layer_is_beyond_the_horizon():
    assert only(from_curve([0.0] * DEPTH), "information")["layer"] == 0


def test_label_free_horizon_is_absolute():
    rows = from_curve([0.1] * DEPTH, divergence=[1, 0.001, 0.02, 0.005, 0.002, 0.001, 0.0005, 0])
    assert [only(rows, "label-free", factor)["layer"] for factor in (0.5, 1, 2)] == [5, 4, 3]


def test_a_statistic_at_its_threshold_counts_as_below():
    table = over_windows(information(np.full((4, DEPTH), 0.1), np.full((4, DEPTH), 0.25)))
    tables = Tables("mini", "made-up", DEPTH, questions(4), information=table)
    assert only(horizons(tables, replace(QUICK, divergence=0.25)), "label-free")["layer"] == 0


def test_peaks_are_the_largest_change_in_either_direction():
    """Two windows with information −0.2 and 0.1, half of it for the whole answer."""
    row = {"question_id": "q0000", "layer": 0, "information": 0.2, "answer_information": 0.1, "text_divergence": 0.5}
    row["spread"] = 0.15
    assert over_windows(information(np.array([[-0.2]]), np.array([[0.5]]))).to_dicts() == [pytest.approx(row)]


def test_layers_may_be_a_subset():
    table = over_windows(information(np.tile([0.5, 0.6, 0.4, 0.3, 0.05, 0.05, 0.01, 0], (9, 1))))
    table = table.filter(pl.col("layer").is_in([1, 3, 5]))
    rows = horizons(Tables("mini", "made-up", DEPTH, questions(9), information=table), QUICK)
    assert only(rows, "information")["layer"] == 5
    assert only(rows, "information", 0.5)["layer"] == DEPTH


def test_redundancy_is_non_inferiority():
    """Dropping all tokens costs everything before layer 3, 5 of 300 questions at layers 3 and 4, nothing later."""
    full = np.ones(300)
    dropped = np.zeros((300, DEPTH, 1, 1))
    dropped[:, 3:], dropped[:5, 3:5] = 1, 0
    tables = Tables("m", "b", DEPTH, questions(300), answers(full), sweeps={"drop-all": sweep(dropped, (0.0,))})
    rows = horizons(tables, QUICK)
    assert [only(rows, "redundancy", factor)["layer"] for factor in (0.5, 1, 2)] == [5, 5, 3]
    few = replace(tables, questions=questions(300).head(60))
    assert only(horizons(few, QUICK), "redundancy")["layer"] == DEPTH, "60 images cannot show a margin of 0.02"


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


def test_a_small_but_significant_advantage_is_none_of_both():
    """0.005 ± 0.01: inside the margin, yet with 3000 questions significant."""
    rows = against_random([[0.005]] * DEPTH, count=3000, keeps=(2.0,))
    assert only(rows, "random-parity", keep=2.0)["layer"] == DEPTH
    assert only(rows, "no-advantage", keep=2.0)["layer"] == DEPTH


def test_one_of_eight_layers_may_look_significant_by_chance():
    """One-sided p of 0.015 at layer 5: Holm over 8 layers lets it pass, alone it would not."""
    advantage = np.zeros((DEPTH, 1))
    advantage[5] = 0.0011
    rows = against_random(advantage, count=3000, keeps=(2.0,))
    assert only(rows, "random-parity", keep=2.0)["layer"] == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_a_looser_threshold_never_moves_a_horizon_deeper(seed):
    rows = horizons(study(count=20, seed=seed), Settings(resamples=20, margin=0.3, equivalence=0.3, divergence=0.01))
    by_criterion = {}
    for row in rows:
        by_criterion.setdefault((row["criterion"], row["strategy"], row["keep"]), []).append(row)
    for group in by_criterion.values():
        assert [row["factor"] for row in group] == [0.5, 1, 2]
        for column in ("layer", "low", "high"):
            assert sorted((row[column] for row in group), reverse=True) == [row[column] for row in group]


def test_one_image_says_nothing_about_others():
    rows = horizons(study(count=3, per_image=3), QUICK)
    assert {(row["low"], row["high"], row["images"], row["questions"]) for row in rows} == {(0, DEPTH, 1, 3)}


def test_every_criterion_fits_the_table_without_holes():
    table = pl.from_arrow(from_rows("horizon", horizons(study(), QUICK)))
    assert table["criterion"].unique(maintain_order=True).to_list() == [
        "information",
        "answer-information",
        "label-free",
        "redundancy",
        "no-advantage",
        "random-parity",
    ]
    assert table.drop("keep").null_count().sum_horizontal().item() == 0
    assert (table["low"] <= table["high"]).all()
    assert table["layer"].is_between(0, DEPTH).all()


def test_what_was_not_run_is_absent():
    bare = Tables("mini", "made-up", DEPTH, questions(4), answers(np.ones(4)))
    assert horizons(bare, QUICK) == []
    no_random = replace(study(), sweeps={"fastv": study().sweeps["fastv"]}, information=None)
    assert horizons(no_random, QUICK) == []


def test_strategies_without_a_common_cell_with_random_are_absent():
    sweeps = {"random": sweep(np.ones((4, 2, 1, 1))), "fastv": sweep(np.ones((4, 2, 1, 1)), (2.0,))}
    assert horizons(Tables("mini", "made-up", DEPTH, questions(4), sweeps=sweeps), QUICK) == []


def test_missing_rows_are_an_error():
    tables = study()
    with pytest.raises(UserError, match="information of mini on made-up: not every question has a row for each layer"):
        horizons(replace(tables, information=tables.information[1:]), QUICK)


def test_a_value_that_is_no_number_is_named():
    """A single window is enough: NaN must not be skipped by the maximum."""
    table = information(np.full((4, DEPTH), 0.1))
    broken = pl.when(question_id="q0002", layer=5, window=1).then(np.nan).otherwise("information")
    table = over_windows(table.with_columns(information=broken))
    with pytest.raises(UserError, match="'information' of question q0002 at layer 5 is no finite number"):
        horizons(Tables("mini", "made-up", DEPTH, questions(4), information=table), QUICK)
