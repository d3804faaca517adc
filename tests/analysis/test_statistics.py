"""Statistics against scipy on data written out in full, naive loops, hand-computed cases and a simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from infohorizon.analysis.statistics import (
    Clusters,
    cluster,
    holm,
    means,
    paired,
    percentile_interval,
    resample,
    resolution,
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


def naive_paired(values, images):
    """Mean and standard error of a ratio mean over clusters, the two pseudo-images appended as rows of a table."""
    groups = {}
    for value, image in zip(values, images, strict=True):
        groups.setdefault(image, []).append(value)
    totals = [(sum(group), len(group)) for group in groups.values()]
    size = np.mean([n for _, n in totals])
    totals += [(size, size), (-size, size)]
    mean = sum(total for total, _ in totals) / sum(n for _, n in totals)
    spread = sum((total - mean * n) ** 2 for total, n in totals)
    count = len(totals)
    return mean, np.sqrt(count / (count - 1) * spread) / sum(n for _, n in totals)


def test_means_are_those_of_the_written_out_resamples():
    values, ids = study(np.random.default_rng(1), images=15)
    weights = resample(15, 20, seed=3)
    expected = [naive_sample(values, ids, row)[0].mean(axis=0) for row in weights]
    np.testing.assert_allclose(means(cluster(values, ids), weights), expected)


def test_paired_is_that_of_the_written_out_resamples():
    values, ids = study(np.random.default_rng(2), images=12)
    weights = resample(12, 20, seed=3)
    estimate = paired(cluster(values, ids), weights)
    for row, mean, error in zip(weights, estimate.mean, estimate.error, strict=True):
        sample, images = naive_sample(values, ids, row)
        expected = [naive_paired(sample[:, cell], images) for cell in range(3)]
        np.testing.assert_allclose(np.stack([mean, error], axis=1), expected)


def test_one_question_an_image_is_students_t_with_two_pseudo_pairs():
    differences = np.random.default_rng(4).choice([-1.0, 0, 0, 0.3, 1], size=50)
    estimate = paired(cluster(differences[:, None], np.arange(50)), np.ones((1, 50)))
    written_out = [*differences, 1, -1]
    two_sided, greater = (stats.ttest_1samp(written_out, 0, alternative=side) for side in ("two-sided", "greater"))
    assert estimate.p_two_sided()[0, 0] == pytest.approx(two_sided.pvalue)
    assert estimate.p_greater()[0, 0] == pytest.approx(greater.pvalue)
    interval = two_sided.confidence_interval(0.9)
    assert estimate.lower(0.95)[0, 0] == pytest.approx(interval.low)
    assert estimate.upper(0.95)[0, 0] == pytest.approx(interval.high)
    inside, outside = estimate.furthest(0.95)[0, 0] * np.array([1.01, 0.99])
    for margin, shown in ((inside, True), (outside, False)):
        below = stats.ttest_1samp(written_out, margin, alternative="less").pvalue
        above = stats.ttest_1samp(written_out, -margin, alternative="greater").pvalue
        assert (max(below, above) < 0.05) == shown


def test_bonett_price_by_hand():
    """3 pairs better, 1 worse of 10: (3 − 1)/12, variance ((4 + 2)/12 − (2/12)²)/12, here over 11 instead of 12."""
    differences = np.array([1.0, 1, 1, -1] + [0] * 6)[:, None]
    estimate = paired(cluster(differences, np.arange(10)), np.ones((1, 10)))
    assert estimate.mean[0, 0] == pytest.approx(2 / 12)
    assert estimate.error[0, 0] ** 2 == pytest.approx((6 / 12 - (2 / 12) ** 2) / 11)
    assert estimate.freedom == 11


def test_agreement_of_few_questions_proves_nothing():
    """Identical scores: a margin of 0.02 is shown by 200 images and not by 50."""
    for images, shown in ((50, False), (200, True)):
        estimate = paired(cluster(np.zeros((images, 1)), np.arange(images)), np.ones((1, images)))
        assert (estimate.furthest(0.95)[0, 0] <= 0.02) == shown
        assert estimate.p_two_sided()[0, 0] == 1
        assert resolution(images, 0.95) == pytest.approx(estimate.furthest(0.95)[0, 0])


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("images", [1, 2, 30])
def test_constant_differences_and_single_images_stay_finite(value, images):
    data = cluster(np.full((2 * images, 2), value), np.repeat(np.arange(images), 2))
    estimate = paired(data, resample(images, 10, seed=0))
    numbers = [*estimate[:2], estimate.p_greater(), estimate.p_two_sided(), estimate.furthest(0.95)]
    assert all(np.isfinite(number).all() for number in numbers)
    assert (estimate.error > 0).all()


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


def test_intervals_cover_and_tests_keep_their_level_where_questions_share_images():
    """True mean 0.05: about 95 % of the intervals hold it; an interval that ignores the images holds it less often."""
    rng = np.random.default_rng(7)
    weights = resample(40, 400, seed=0)
    covered = rejected = ignored = 0
    for _ in range(400):
        ids = np.repeat(np.arange(40), 4)
        values = np.clip(0.05 + rng.normal(0, 0.2, 40)[ids] + rng.normal(0, 0.1, len(ids)), -1, 1)[:, None]
        data = cluster(values, ids)
        low, high = percentile_interval(means(data, weights)[1:], 0.95)[:, 0]
        covered += low <= 0.05 <= high
        rejected += paired(cluster(values - 0.05, ids), weights[:1]).p_two_sided()[0, 0] <= 0.05
        alone = stats.t.interval(0.95, len(ids) - 1, values.mean(), stats.sem(values[:, 0]))
        ignored += alone[0] <= 0.05 <= alone[1]
    assert 0.91 <= covered / 400 <= 0.98
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
