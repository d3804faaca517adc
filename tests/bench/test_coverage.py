"""Confidence sets hold the truth and tests keep their level: small runs of bench/coverage.py, seeded."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import coverage

from infohorizon.analysis.statistics import Clusters, cluster

STUDIES = 150


@pytest.mark.parametrize(
    "setting",
    [
        coverage.horizon_of_losses(67, 0.15, 0.02, margin=0.05),
        coverage.horizon_of_losses(200, 0.07, 0.035, margin=0.05),
        coverage.bound_at_the_margin(77, 0.05, 0.0),
        coverage.bound_at_the_margin(1000, 0.02, 0.02),
        coverage.difference(77, 0.01, 1.0),
        coverage.difference(200, 0.3, 0.5),
        coverage.graded(77, 0.02),
        coverage.horizon_of_information(100, *coverage.NEAR),
        coverage.information_at_the_threshold(60),
    ],
    ids=lambda setting: setting.what,
)
def test_rates(setting: coverage.Setting) -> None:
    found = coverage.run(setting, STUDIES, seed=1)
    assert found.coverage is None or found.coverage >= 0.91
    assert found.errors is None or found.errors <= 0.09
    assert found == coverage.run(setting, STUDIES, seed=1)


def test_made_up_answers_are_what_their_setting_says() -> None:
    """Shares lost and gained, and questions of one image that go together."""
    rng = np.random.default_rng(0)
    drawn = [coverage.answers(rng, 500, np.array([0.2]), np.array([0.1])) for _ in range(40)]
    data = Clusters(*(np.concatenate(part) for part in zip(*drawn, strict=True)))
    assert data.sums.sum() / data.sizes.sum() == pytest.approx(0.1, abs=0.01)
    several = data.sizes[:, 0] > 1
    independent = 0.3 * data.sizes[several].sum()  # variance of sums of independent questions, mean² left out
    assert (data.sums[several] ** 2).sum() > 1.1 * independent


def test_a_bound_that_ignores_images_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question an image of its own: the level is no longer kept."""
    answers = coverage.answers

    def copied(*arguments):
        data = answers(*arguments)
        each = np.repeat(data.sums / data.sizes, 8, axis=0)
        return cluster(each, np.arange(len(each)))

    monkeypatch.setattr(coverage, "answers", copied)
    assert coverage.run(coverage.bound_at_the_margin(200, 0.05, 0.02), STUDIES, seed=1).errors > 0.1
