"""Confidence sets hold the truth and tests keep their level: small runs of bench/coverage.py, seeded."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import coverage
import simulated_information as information
import simulated_scores as scores

from infohorizon.analysis.differences import compare
from infohorizon.analysis.selection import choose
from infohorizon.analysis.statistics import Clusters, cluster

STUDIES = 150
PAGE = Path(__file__).resolve().parents[2] / "docs/coverage.md"


@pytest.mark.parametrize(
    "setting",
    [
        scores.horizon_of_losses(67, 0.15, 0.02, margin=0.05),
        scores.horizon_of_losses(200, 0.07, 0.035, margin=0.05),
        scores.bound_at_the_margin(77, 0.05, 0.0),
        scores.bound_at_the_margin(1000, 0.02, 0.02),
        scores.difference(77, 0.01, 1.0),
        scores.difference(200, 0.3, 0.5),
        scores.graded(77, 0.02),
        scores.parity_at_the_margin(200, 0.05, -1),
        scores.refutations(77, 5, margin=0.05),
        scores.choice(77, 0.0),
        scores.choice(77, 0.05),
        information.horizon_of_information(100, *information.NEAR),
        information.information_at_the_threshold(60),
        information.worth_at_the_floor(60, "of either sign", lambda rng, images: rng.normal(0.02, 0.3, images)),
        information.horizon_of_divergence(60, *information.CLOSER),
        information.changed_at_the_threshold(200),
        information.horizon_of_trimmed_divergence(200),
    ],
    ids=lambda setting: setting.what,
)
def test_rates(setting: scores.Setting) -> None:
    found = coverage.run(setting, STUDIES, seed=1)
    assert found.coverage is None or found.coverage >= 0.91
    assert found.errors is None or found.errors <= 0.09
    assert found == coverage.run(setting, STUDIES, seed=1)


def test_made_up_answers_are_what_their_setting_says() -> None:
    """Shares lost and gained, and questions of one image that go together."""
    rng = np.random.default_rng(0)
    drawn = [scores.answers(rng, 500, np.array([0.2]), np.array([0.1])) for _ in range(40)]
    data = Clusters(*(np.concatenate(part) for part in zip(*drawn, strict=True)))
    assert data.sums.sum() / data.sizes.sum() == pytest.approx(0.1, abs=0.01)
    several = data.sizes[:, 0] > 1
    independent = 0.3 * data.sizes[several].sum()  # variance of sums of independent questions, mean² left out
    assert (data.sums[several] ** 2).sum() > 1.1 * independent


def test_a_bound_that_ignores_images_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question an image of its own: the level is no longer kept."""
    answers = scores.answers

    def copied(*arguments):
        data = answers(*arguments)
        each = np.repeat(data.sums / data.sizes, 8, axis=0)
        return cluster(each, np.arange(len(each)))

    monkeypatch.setattr(scores, "answers", copied)
    assert coverage.run(scores.bound_at_the_margin(200, 0.05, 0.02), STUDIES, seed=1).errors > 0.1


def test_every_published_rate_is_what_is_claimed() -> None:
    """docs/coverage.md has all settings, each with coverage of at least 0.93 and errors of at most 0.055."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    assert [what for what, *_ in rows] == [setting.what for setting in coverage.settings()]
    assert all(covered == "–" or float(covered) >= 0.93 for _, covered, _ in rows)
    assert all(erred == "–" or float(erred) <= 0.055 for *_, erred in rows)


def test_a_choice_that_its_test_does_not_know_of_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged as if the cells had been chosen beforehand."""

    def naive(difference, images, folds, settings):
        chosen = difference[np.arange(len(difference)), choose(difference, images, folds)]
        return compare(cluster(chosen[:, None], images), settings.confidence, 199, 0)

    monkeypatch.setattr(scores, "judged", naive)
    assert coverage.run(scores.choice(300, 0.0), STUDIES, seed=1).errors > 0.09
