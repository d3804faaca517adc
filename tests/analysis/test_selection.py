"""A choice of strategy and layer is judged on images that it was not made on."""

from dataclasses import replace

import numpy as np
import pytest
from study_tables import DEPTH, questions, sweep

from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.panels import Tables
from infohorizon.analysis.selection import FOLDS, choose, dealt, selections

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
