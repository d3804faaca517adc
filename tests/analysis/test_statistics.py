"""Statistics against scipy on data written out in full, naive loops, hand-computed cases and a simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from infohorizon.analysis.differences import EXACT, compare, sign_flip
from infohorizon.analysis.statistics import (
    Clusters,
    cluster,
    estimate,
    holm,
    lower,
    means,
    p_above,
    percentile_interval,
    resample,
    resolution,
    upper,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


def study(rng, images, cells=3):
    """Scores differences in [−1, 1] of 1–4 questions an image that share an image effect."""
    sizes = rng.integers(1, 5, size=images)
    ids = np.repeat(np.arange(images), sizes)
    effect = rng.normal(0, 0.2, size=(images, cells))[ids]
    return np.clip(effect + rng.normal(0, 0.2, size=(len(ids), cells)), -1, 1), ids


def naive_sample(values, ids, weights):
    """The questions of one resample, written out, each drawn image under an id of its own."""
    rows, images = [], []
    for image, count in zip(np.unique(ids), weights, strict=True):
        for copy in range(int(count)):
            rows += list(values[ids == image])
            images += [(image, copy)] * int((ids == image).sum())
    return np.array(rows), images


def naive_estimate(values, images, pseudo):
    """Mean and standard error of a ratio mean over clusters, pseudo-images appended as (number, difference)."""
    groups = {}
    for value, image in zip(values, images, strict=True):
        groups.setdefault(image, []).append(value)
    totals = [(1, sum(group), len(group)) for group in groups.values()]
    size = np.mean([n for _, _, n in totals])
    totals += [(number, difference * size, size) for number, difference in pseudo]
    count = sum(number for number, _, _ in totals)
    mean = sum(number * total for number, total, _ in totals) / sum(number * n for number, _, n in totals)
    spread = sum(number * (total - mean * n) ** 2 for number, total, n in totals)
    return mean, np.sqrt(count / (count - 1) * spread) / (count * size), count - 1


def test_means_are_those_of_the_written_out_resamples():
    values, ids = study(np.random.default_rng(1), images=15)
    weights = resample(15, 20, seed=3)
    expected = [naive_sample(values, ids, row)[0].mean(axis=0) for row in weights]
    np.testing.assert_allclose(means(cluster(values, ids), weights), expected)


@pytest.mark.parametrize("pseudo", [[(1.0, 1.0), (1.0, -1.0)], [(1.35, 1.0), (1.35, 0.0)], [(2.0, 0.25)]])
def test_estimates_are_those_of_the_written_out_table(pseudo):
    values, ids = study(np.random.default_rng(2), images=12)
    found = estimate(cluster(values, ids), pseudo)
    expected = [naive_estimate(values[:, cell], ids.tolist(), pseudo) for cell in range(3)]
    np.testing.assert_allclose(np.stack([found.mean, found.error], axis=1), [row[:2] for row in expected])
    assert found.freedom == pytest.approx(expected[0][2])


def test_one_question_an_image_is_students_t_with_pseudo_pairs():
    differences = np.random.default_rng(4).choice([-1.0, 0, 0, 0.3, 1], size=50)
    found = estimate(cluster(differences[:, None], np.arange(50)), [(1.0, 1.0), (1.0, -1.0)])
    written_out = [*differences, 1, -1]
    two_sided = stats.ttest_1samp(written_out, 0)
    assert found.p_two_sided()[0] == pytest.approx(two_sided.pvalue)
    assert found.p_above(0.1)[0] == pytest.approx(stats.ttest_1samp(written_out, 0.1, alternative="greater").pvalue)
    assert found.mean[0] + found.reach(0.95)[0] == pytest.approx(two_sided.confidence_interval(0.9).high)


def test_the_bound_is_one_sided_agresti_coull():
    """No loss in n questions: (0 + z²/2)/(n + z²), here with Student's t and n + z² − 1 degrees of freedom."""
    number = stats.norm.ppf(0.95) ** 2 / 2
    for n in (20, 64, 500):
        share, count = number / (n + 2 * number), n + 2 * number
        error = np.sqrt(share * (1 - share) / (count - 1))
        expected = share + stats.t.ppf(0.95, count - 1) * error
        assert resolution(n, 0.95) == pytest.approx(expected)
    assert resolution(64, 0.95) <= 0.05 < resolution(62, 0.95)
    assert resolution(162, 0.95) <= 0.02 < resolution(160, 0.95)


def test_bounds_mirror_each_other_and_agree_with_p():
    values, ids = study(np.random.default_rng(8), images=30)
    data, mirrored = cluster(values, ids), cluster(-values, ids)
    np.testing.assert_allclose(lower(data, 0.9), -upper(mirrored, 0.9))
    for shift in (-0.01, 0.01):  # p_above is below 10 % exactly where the 90 % lower bound is above the margin
        margin = float(lower(data, 0.9)[0]) + shift
        assert (p_above(data, margin, 0.9)[0] < 0.1) == (shift < 0)


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("images", [1, 2, 30])
def test_constant_differences_and_single_images_stay_finite(value, images):
    data = cluster(np.full((2 * images, 2), value), np.repeat(np.arange(images), 2))
    found = compare(data, 0.95, 99, 0)
    numbers = [*found, upper(data, 0.95), lower(data, 0.95), p_above(data, 0.02, 0.95)]
    assert all(np.isfinite(number).all() for number in numbers)
    assert (found.low < found.high).all() and (found.low <= value).all() and (value <= found.high).all()


def test_sign_flips_by_enumeration():
    """Five images, two of them equal: every pattern written out; images without a difference change nothing."""
    sums = [0.5, 0.5, -1.0, 2.0, 0.25]
    patterns = list(itertools.product([1, -1], repeat=5))
    extreme = [abs(sum(s * x for s, x in zip(p, sums, strict=True))) >= abs(sum(sums)) - 1e-12 for p in patterns]
    values = np.array([*sums, 0.0, 0.0])[:, None]
    found = sign_flip(Clusters(values, np.ones((7, 1))), 99, 0)
    assert found[0] == pytest.approx(np.mean(extreme))


def test_many_images_are_sampled_close_to_the_exact_p():
    rng = np.random.default_rng(9)
    sums = rng.normal(0.3, 1, (EXACT, 1))
    exact = sign_flip(Clusters(sums, np.ones((EXACT, 1))), 1, 0)[0]
    padded = Clusters(np.vstack([sums, 1e-13 * np.ones((1, 1))]), np.ones((EXACT + 1, 1)))
    assert sign_flip(padded, 20_000, 0)[0] == pytest.approx(exact, abs=0.015)


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.0, 0.25, 1.0]), min_size=1, max_size=40))
def test_an_interval_never_contradicts_its_p(differences):
    found = compare(cluster(np.array(differences)[:, None], np.arange(len(differences))), 0.95, 199, 1)
    assert (found.p[0] < 0.05) == (not found.low[0] <= 0 <= found.high[0])
    assert found.low[0] < found.high[0] and found.low[0] <= found.mean[0] <= found.high[0]


def test_weights():
    weights = resample(7, 500, seed=1)
    assert (weights[0] == 1).all() and (weights.sum(axis=1) == 7).all()
    assert weights[1:].mean(axis=0) == pytest.approx(1, abs=0.15)
    resample.cache_clear()
    np.testing.assert_array_equal(weights, resample(7, 500, seed=1))
    assert (weights != resample(7, 500, seed=2)).any()


def test_image_ids_need_no_order():
    values, ids = study(np.random.default_rng(5), images=9)
    shuffled = np.random.default_rng(6).permutation(len(ids))
    for one, other in zip(cluster(values, ids), cluster(values[shuffled], ids[shuffled]), strict=True):
        np.testing.assert_allclose(one, other)


def test_percentile_interval_ends_are_drawn_values():
    draws = np.arange(1, 101)[:, None] * np.array([1, 10])
    np.testing.assert_array_equal(percentile_interval(draws, 0.9), [[5, 50], [95, 950]])
    np.testing.assert_array_equal(percentile_interval(np.full((9, 1), 4), 0.95), [[4], [4]])


def test_questions_of_one_image_are_not_independent():
    """True mean 0.05: about 95 % of the intervals hold it; an interval that ignores the images holds it less often."""
    rng = np.random.default_rng(7)
    covered = bootstrapped = rejected = ignored = 0
    for _ in range(400):
        ids = np.repeat(np.arange(40), 4)
        values = np.clip(0.05 + rng.normal(0, 0.2, 40)[ids] + rng.normal(0, 0.1, len(ids)), -1, 1)[:, None]
        data = cluster(values, ids)
        low, high = percentile_interval(means(data, resample(40, 400, 0))[1:], 0.95)[:, 0]
        bootstrapped += low <= 0.05 <= high
        found = compare(data, 0.95, 199, 0)
        covered += found.low[0] <= 0.05 <= found.high[0]
        rejected += compare(cluster(values - 0.05, ids), 0.95, 199, 0).p[0] < 0.05
        alone = stats.t.interval(0.95, len(ids) - 1, values.mean(), stats.sem(values[:, 0]))
        ignored += alone[0] <= 0.05 <= alone[1]
    assert 0.91 <= bootstrapped / 400 <= 0.98
    assert 0.93 <= covered / 400 <= 0.99
    assert rejected / 400 <= 0.07
    assert ignored / 400 < 0.85


def test_holm_by_hand():
    p = np.array([[0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.9, 0.01], [0.02, 0.02, 0.02, 0.02]])
    expected = [[0.03, 0.06, 0.06, 0.02], [1, 1, 1, 0.04], [0.08, 0.08, 0.08, 0.08]]
    np.testing.assert_allclose(holm(p), expected)


@given(P_VALUES)
def test_holm_rejects_what_the_step_down_procedure_rejects(p):
    adjusted = holm(p)
    rejected = set()
    for step, index in enumerate(np.argsort(p, kind="stable")):
        if p[index] * (len(p) - step) > 0.05:
            break
        rejected.add(index)
    assert set(np.flatnonzero(adjusted <= 0.05)) == rejected
    assert (adjusted >= p).all() and (adjusted <= 1).all()


@given(P_VALUES, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_order(p, random):
    order = random.sample(range(len(p)), len(p))
    np.testing.assert_array_equal(holm(p)[order], holm(p[order]))


def test_an_image_drawn_twice_counts_twice():
    data = Clusters(np.array([[1.0], [0.0]]), np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(means(data, np.array([[1.0, 1], [2, 0], [0, 2]])), [[0.25], [1], [0]])
