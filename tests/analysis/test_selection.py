"""A choice of strategy and layer is judged on images that it was not made on."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from study_tables import DEPTH, questions, sweep

from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.panels import Tables
from infohorizon.analysis.selection import FOLDS, SELECTED, choose, dealt, judged, selections
from infohorizon.analysis.statistics import cluster, widened

QUICK = Settings(resamples=200)


def tables(scores, per_image=2):
    """Strategies a and b with scores (questions, layers, 2), random with 0.5 everywhere."""
    count = len(scores)
    sweeps = {"random": sweep(np.full((count, DEPTH, 1, 1), 0.5))}
    sweeps |= {name: sweep(scores[:, :, index, None, None]) for index, name in enumerate("ab")}
    return Tables("mini", "made-up", DEPTH, questions(count, per_image), sweeps=sweeps)


def test_every_question_is_judged_by_a_choice_made_on_other_images():
    rng = np.random.default_rng(0)
    difference, images = rng.normal(size=(60, 9)), np.repeat(np.arange(20), 3)
    chosen = choose(difference, images, dealt(images, seed=4))
    for image in range(20):
        own = images == image
        assert len(set(chosen[own])) == 1, "questions of one image share a fold"
        changed = difference.copy()
        changed[own] = rng.normal(size=(3, 9)) * 100
        assert (choose(changed, images, dealt(images, seed=4))[own] == chosen[own]).all()
    naive = set()
    for fold_choice in np.unique(chosen):
        members = chosen == fold_choice
        naive.add(difference[~members].mean(axis=0).argmax() if members.sum() == 60 / FOLDS else fold_choice)
    assert set(chosen) == naive


def test_the_test_makes_the_choice_again_in_every_pattern_of_signs():
    """Ten images, all 1024 patterns written out; random patterns come near them."""
    rng = np.random.default_rng(5)
    difference, images = rng.choice([-1.0, -0.5, 0, 0.5, 1], (20, 4)), np.repeat(np.arange(10), 2)
    folds = dealt(images, seed=0)

    def advantage(values):
        total = 0.0
        for fold in range(FOLDS):
            inside = np.isin(images, np.flatnonzero(folds == fold))
            total += values[inside, values[~inside].sum(axis=0).argmax()].sum()
        return total

    def every(values):
        patterns = itertools.product([1, -1], repeat=10)
        return np.array([advantage(values * np.repeat(signs, 2)[:, None]) for signs in patterns])

    own = advantage(difference)
    found = judged(difference, images, folds, Settings(resamples=4000))
    assert found.mean[0] == pytest.approx(own / 20)
    exact = (np.abs(every(difference)) >= abs(own) - 1e-9).mean()
    chosen = difference[np.arange(20), choose(difference, images, folds)][:, None]
    plain = widened(cluster(chosen, images))
    spread = every(difference - difference.mean(axis=0)).std() / 20
    wider = plain._replace(error=np.maximum(plain.error, spread))
    assert spread > plain.error[0], "a choice adds to the error"
    assert found.p[0] == pytest.approx(max(exact, wider.p_two_sided()[0]), abs=0.03)
    assert found.high[0] == pytest.approx(wider.mean[0] + wider.reach(0.975)[0], abs=0.03)


def test_keeps_share_a_correction():
    rng, values = np.random.default_rng(1), {}
    for name in ("random", "a"):
        values[name] = sweep(rng.integers(0, 2, (60, DEPTH, 2, 1)).astype(float), (2.0, 4.0))
    rows = selections(Tables("mini", "made-up", DEPTH, questions(60), sweeps=values), (), QUICK)
    for name in SELECTED:
        own = [row for row in rows if row["name"].startswith(name)]
        assert len(own) == 2
        smaller, larger = sorted(row["p_value"] for row in own)
        corrected = sorted(row["p_holm"] for row in own)
        assert corrected == pytest.approx([min(1, 2 * smaller), min(1, max(2 * smaller, larger))])


def test_noise_looks_like_an_advantage_in_sample_only():
    scores = np.random.default_rng(1).integers(0, 2, (100, DEPTH, 2)).astype(float)
    inside, outside = selections(tables(scores), (), QUICK)
    assert inside["difference"] > 0.08 and outside["difference"] < inside["difference"] - 0.05
    assert outside["low"] < 0 < outside["high"] and outside["p_value"] > 0.05
    assert (inside["kind"], outside["images"], outside["layer"], outside["keep"]) == ("selected", 50, None, 4.0)


def test_a_real_advantage_is_found_on_other_images_too():
    scores = np.random.default_rng(1).integers(0, 2, (100, DEPTH, 2)).astype(float)
    scores[:, 3, 1] = 1.0
    inside, outside = selections(tables(scores), (), QUICK)
    assert inside["name"] == "best, in sample: b at layer 3"
    assert outside["name"] == "best, cross-validated: b at layer 3"
    assert inside["difference"] == outside["difference"] == pytest.approx(0.5)


def test_oracles_and_small_studies_choose_nothing():
    scores = np.ones((100, DEPTH, 2))
    assert selections(tables(scores), ("a", "b"), QUICK) == []
    assert selections(tables(scores[:12]), (), QUICK) == []
    assert selections(replace(tables(scores), sweeps={}), (), QUICK) == []
