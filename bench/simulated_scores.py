"""Made-up studies of scores: losses, advantages and differences whose truth is known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.curves import Bounded
from infohorizon.analysis.differences import compare
from infohorizon.analysis.selection import choose, dealt, judged
from infohorizon.analysis.statistics import Clusters, cluster, holm, upper

LEVEL = 0.05
DEPTH = 7
QUICK = Settings(resamples=999)


@dataclass(frozen=True)
class Setting:
    """What is simulated; `study` draws one study and says whether the truth was covered and whether a test erred."""

    what: str
    study: Callable[[np.random.Generator], tuple[bool | None, bool | None]]


def settings() -> Iterator[Setting]:
    """Those of the published table."""
    for images in (67, 100, 200, 400):
        for tail in (0.0, 0.02, 0.035):
            yield horizon_of_losses(images, 0.15, tail, margin=0.05)
        yield horizon_of_losses(images, 0.07, 0.035, margin=0.05)
    for images in (77, 200, 1000):
        for margin in (0.05, 0.02):
            for gained in (0.0, 0.02):
                yield bound_at_the_margin(images, margin, gained)
    for images in (77, 200, 1000):
        for sign in (1, -1):
            yield parity_at_the_margin(images, 0.05, sign)
        yield refutations(images, 20, margin=0.05)
    for images in (77, 200, 1000):
        for changed in (0.005, 0.01, 0.05, 0.3):
            yield difference(images, changed, lost=0.5)
            yield difference(images, changed, lost=1.0)
    for images in (77, 300):
        yield graded(images, 0.0)
        yield graded(images, 0.02)
    for images in (24, 77, 300):
        for best in (0.0, 0.05, 0.2):
            yield choice(images, best)


def horizon_of_losses(images: int, before: float, tail: float, margin: float) -> Setting:
    """Questions are only lost: `before` at the layer before the horizon (layer 3), `tail` from it on."""
    losses = np.array([0.5, 0.3, before, tail, tail, tail])

    def study(rng: np.random.Generator) -> tuple[bool, bool]:
        data = answers(rng, images, losses, np.zeros(6))
        found = Bounded(data, np.arange(6)).horizon(margin, LEVEL, DEPTH)
        return found.low <= 3 <= found.high, found.high < 3

    return Setting(f"redundancy, {images} images, loss {before:g}, then {tail:g}; margin {margin:g}", study)


def bound_at_the_margin(images: int, margin: float, gained: float) -> Setting:
    """The loss is exactly the margin: it must not be shown to be within it."""

    def study(rng: np.random.Generator) -> tuple[None, bool]:
        data = answers(rng, images, np.array([margin + gained]), np.array([gained]))
        return None, bool(upper(data, 1 - LEVEL)[0] < margin)

    return Setting(f"bound, {images} images, loss = margin = {margin:g}, {gained:g} gained", study)


def parity_at_the_margin(images: int, margin: float, sign: int) -> Setting:
    """Better or worse than random by exactly the margin: parity must not be shown."""
    gained, lost = (0.05 + margin, 0.05)[::sign]

    def study(rng: np.random.Generator) -> tuple[None, bool]:
        data = answers(rng, images, np.array([lost]), np.array([gained]))
        return None, Bounded(data, np.array([5]), both=True).horizon(margin, LEVEL, DEPTH).high < DEPTH

    return Setting(f"parity, {images} images, {'better' if sign > 0 else 'worse'} by the margin of {margin:g}", study)


def refutations(images: int, cases: int, margin: float) -> Setting:
    """A claim all of whose cases are at the margin, and so hold: none of them must be refuted."""

    def study(rng: np.random.Generator) -> tuple[None, bool]:
        each = [answers(rng, images, np.array([margin]), np.zeros(1)) for _ in range(cases)]
        p = [Bounded(data, np.array([5])).horizon(margin, LEVEL, DEPTH).p_beyond for data in each]
        return None, bool((holm(np.array(p)) <= LEVEL).any())

    return Setting(f"claim, {images} images, {cases} cases that hold, loss = margin = {margin:g}", study)


def difference(images: int, changed: float, lost: float) -> Setting:
    """Scores of 0 or 1 of which a share differs; half of these lost: no difference, all of them lost: a difference."""
    truth = changed * (1 - 2 * lost)

    def study(rng: np.random.Generator) -> tuple[bool, bool | None]:
        data = answers(rng, images, np.array([changed * lost]), np.array([changed * (1 - lost)]))
        data = Clusters(-data.sums, data.sizes)
        found = compare(data, 1 - LEVEL, 999, 0)
        return bool(found.low[0] <= truth <= found.high[0]), bool(found.p[0] < LEVEL) if truth == 0 else None

    return Setting(f"difference, {images} images, {changed:.1%} differ, {lost:.0%} of them lost", study)


def graded(images: int, shift: float) -> Setting:
    """Scores that differ a little everywhere (means over repeats), by `shift` on average; questions share images."""

    def study(rng: np.random.Generator) -> tuple[bool, bool | None]:
        ids = np.repeat(np.arange(images), 2)
        values = shift + rng.normal(0, 0.05, images)[ids] + rng.choice([-1 / 3, 0, 1 / 3], len(ids), p=[0.1, 0.8, 0.1])
        found = compare(cluster(values[:, None], ids), 1 - LEVEL, 999, 0)
        return bool(found.low[0] <= shift <= found.high[0]), bool(found.p[0] < LEVEL) if shift == 0 else None

    return Setting(f"graded difference {shift:g}, {images} images", study)


def choice(images: int, best: float) -> Setting:
    """Cross-validated: one of twelve cells is better by `best`, the others by none; the truth is that of the chosen."""
    truth = np.zeros(12)
    truth[3] = best

    def study(rng: np.random.Generator) -> tuple[bool, bool | None]:
        ids = np.repeat(np.arange(images), 2)
        shared, own = rng.random((images, 12))[ids], rng.random((len(ids), 12))
        draw = np.where(rng.random((len(ids), 12)) < 0.5, shared, own)
        gains = (draw < 0.1 + truth).astype(float) - (draw > 0.9)
        folds = dealt(ids, 0)
        found, expected = judged(gains, ids, folds, QUICK), truth[choose(gains, ids, folds)].mean()
        covered = bool(found.low[0] <= expected <= found.high[0])
        return covered, bool(found.p[0] < LEVEL) if best == 0 else None

    return Setting(f"best of 12, cross-validated, {images} images, one is better by {best:g}", study)


def answers(rng: np.random.Generator, images: int, lost: np.ndarray, gained: np.ndarray) -> Clusters:
    """Losses of 0 or 1 (gains: −1) by layer; 1–3 questions an image, half of them lost together."""
    ids = np.repeat(np.arange(images), rng.integers(1, 4, images))
    shared, own = rng.random(images)[ids], rng.random(len(ids))
    draw = np.where(rng.random(len(ids)) < 0.5, shared, own)[:, None]
    return cluster((draw < lost).astype(float) - (draw > 1 - gained), ids)
