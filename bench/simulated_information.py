"""Made-up studies of probabilities and divergences: what is left of them by layer is known."""

from collections.abc import Callable, Iterator

import numpy as np
from simulated_scores import DEPTH, LEVEL, Setting

from infohorizon.analysis.criteria import TRIMMED
from infohorizon.analysis.curves import Bounded, Ratio
from infohorizon.analysis.statistics import Clusters, cluster, trimmed

LAYERS = np.arange(1, 7)
# How information goes, and from which shares of the questions it is gone when tokens leave at layer 1, 2, …
SHARP = ("most questions at layer 4", np.array([0.02, 0.03, 0.05, 0.85, 0.03, 0.02]))
NEAR = ("all but 12 % of questions, then all but 8 %", np.array([0.2, 0.3, 0.38, 0.04, 0.02, 0.02]))
SLOW = ("one question after the other", np.array([0.15, 0.2, 0.25, 0.2, 0.15, 0.03]))
FEWER = ("all but 10 % of questions, then all but 3 %", np.array([0.3, 0.3, 0.3, 0.07, 0.02, 0.01]))
CLOSER = ("all but 7 % of questions, then all but 4 %", np.array([0.3, 0.3, 0.3, 0.03, 0.03, 0.02]))


def settings() -> Iterator[Setting]:
    """Those of the published table."""
    for images in (60, 100, 200, 400):
        for shares in (SHARP, SLOW, NEAR):
            yield horizon_of_information(images, *shares)
    for images in (60, 200):
        yield information_at_the_threshold(images)
        yield worth_at_the_floor(
            images, "all of it from 4 % of them", lambda rng, images: 0.5 * (rng.random(images) < 0.04)
        )
        yield worth_at_the_floor(images, "of either sign", lambda rng, images: rng.normal(0.02, 0.3, images))
    for images in (60, 200, 400):
        yield horizon_of_divergence(images, *FEWER)
        yield horizon_of_divergence(images, *CLOSER)
        yield changed_at_the_threshold(images)
        yield horizon_of_trimmed_divergence(images)


def horizon_of_information(images: int, how: str, gone: np.ndarray) -> Setting:
    """Each question loses what the image is worth to it at a layer of its own, drawn with probabilities `gone`."""

    def study(rng: np.random.Generator) -> tuple[bool, bool]:
        usable, worth, ids = information(rng, images, gone)
        return judged(cluster(usable, ids), cluster(worth[:, None], ids), 0.1, horizon(gone, 0.1))

    return Setting(f"information, {images} images, gone from {how}", study)


def information_at_the_threshold(images: int) -> Setting:
    """Exactly 10 % is left at the last layer: it must not be shown to be more."""
    gone = np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.0])

    def study(rng: np.random.Generator) -> tuple[None, bool]:
        usable, worth, ids = information(rng, images, gone)
        found = Ratio(cluster(usable, ids), LAYERS, cluster(worth[:, None], ids), 100, 0)
        return None, found.horizon(0.1, LEVEL, DEPTH).p_beyond <= LEVEL

    return Setting(f"information, {images} images, exactly 10 % left at the end", study)


def worth_at_the_floor(images: int, how: str, draw: Callable[[np.random.Generator, int], np.ndarray]) -> Setting:
    """The image is worth 0.02 on average, the floor: it must not be shown to be worth more."""

    def study(rng: np.random.Generator) -> tuple[None, bool]:
        ids = several(rng, images)
        worth = cluster((draw(rng, images)[ids] + rng.normal(0, 0.1, len(ids)))[:, None], ids)
        return None, Ratio(worth, LAYERS[:1], worth, 500, 0).worth(LEVEL)[1] > 0.02

    return Setting(f"information, {images} images, worth 0.02 (the floor), {how}", study)


def horizon_of_divergence(images: int, how: str, gone: np.ndarray) -> Setting:
    """The same for a divergence that few images have most of: 5 of 200 questions carry over a quarter of it."""

    def study(rng: np.random.Generator) -> tuple[bool, bool]:
        ids = several(rng, images)
        worth = skewed(rng, ids)
        left = worth[:, None] * stays(rng, len(ids), gone)
        return judged(cluster(left, ids), cluster(worth[:, None], ids), 0.05, horizon(gone, 0.05))

    return Setting(f"label-free-ratio, {images} images, gone from {how}", study)


def changed_at_the_threshold(images: int) -> Setting:
    """5 % of the questions change: it must not be shown that no more than these do."""

    def study(rng: np.random.Generator) -> tuple[None, bool]:
        ids = several(rng, images)
        shared, own = rng.random(images)[ids], rng.random(len(ids))
        changed = np.where(rng.random(len(ids)) < 0.5, shared, own) < 0.05
        found = Bounded(cluster(changed[:, None].astype(float), ids), LAYERS[-1:])
        return None, found.horizon(0.05, LEVEL, DEPTH).high < DEPTH

    return Setting(f"label-free, {images} images, 5 % of questions change: the threshold", study)


def horizon_of_trimmed_divergence(images: int) -> Setting:
    """The trimmed mean is 1.05 of the threshold at layer 3 and 0.95 of it at layer 4."""
    whole = skewed(np.random.default_rng(0), np.arange(10**6))
    mean = whole[whole <= np.quantile(whole, 1 - TRIMMED)].mean()

    def study(rng: np.random.Generator) -> tuple[bool, bool]:
        ids = several(rng, images)
        values = skewed(rng, ids)[:, None] / mean * np.array([4, 2, 1.05, 0.95, 0.5, 0.2])
        one = Clusters(np.ones((images, 1)), np.ones((images, 1)))
        return judged(cluster(trimmed(values, TRIMMED), ids), one, 1.0, 4)

    return Setting(f"label-free-trimmed, {images} images, 5 % above the threshold, then 5 % below it", study)


def judged(data: Clusters, reference: Clusters, threshold: float, truth: int) -> tuple[bool, bool]:
    """Whether the set holds the true horizon, and whether it claims a horizon that is too early."""
    found = Ratio(data, LAYERS, reference, 500, 0).horizon(threshold, LEVEL, DEPTH)
    return found.low <= truth <= found.high, found.high < truth


def horizon(gone: np.ndarray, threshold: float) -> int:
    """The true horizon: the layer after the last one at which more than the threshold is left."""
    return int(LAYERS[1 - np.cumsum(gone) > threshold].max()) + 1


def information(rng: np.random.Generator, images: int, gone: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Usable information (questions, 6), what the image is worth (questions,), image ids."""
    ids = several(rng, images)
    worth = np.clip(rng.beta(2, 1, images)[ids] + rng.normal(0, 0.1, len(ids)), 0, 1)
    left = stays(rng, len(ids), gone)
    return worth[:, None] * left + rng.normal(0, 0.01, left.shape), worth, ids


def stays(rng: np.random.Generator, questions: int, gone: np.ndarray) -> np.ndarray:
    """(questions, 6) whether a question's information is still there."""
    layer = rng.choice(7, questions, p=[*gone, 1 - gone.sum()])
    return np.arange(6) < layer[:, None]


def skewed(rng: np.random.Generator, ids: np.ndarray) -> np.ndarray:
    """(questions,) of a log-normal distribution, whose questions of one image go together."""
    return np.exp(rng.normal(0, 1.5, ids.max() + 1)[ids] + rng.normal(0, 0.5, len(ids)))


def several(rng: np.random.Generator, images: int) -> np.ndarray:
    """Image ids of 1–3 questions an image."""
    return np.repeat(np.arange(images), rng.integers(1, 4, images))
