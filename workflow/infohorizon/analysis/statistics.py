"""Statistics of paired scores whose questions share images: questions of one image are not independent.

G images (clusters), K cells (a layer, a layer and keep, a schedule), B resamples. A weights array of shape (R, G) says
how often each image counts in each of R samples; row 0 of `resample` is the data themselves, so an estimate and its
bootstrap distribution come from the same call.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]


class Clusters(NamedTuple):
    """Questions by image.

    Attributes:
        sums: (G, K) sum of the values of each image's questions.
        sizes: their number, (G, K), or (G, 1) where every cell has the same questions.
    """

    sums: Array
    sizes: Array


def cluster(values: Array, images: NDArray) -> Clusters:
    """Sum values (questions, K) over the questions of each image; images: (questions,) ids."""
    codes = np.unique(images, return_inverse=True)[1]
    sums = np.zeros((codes.max() + 1, values.shape[1]))
    np.add.at(sums, codes, values)
    return Clusters(sums, np.bincount(codes).astype(np.float64)[:, None])


def pooled(parts: Sequence[Clusters]) -> Clusters:
    """Several benchmarks as one in which each has the same weight: its mean is the mean of their means.

    Sums and sizes are weighted so that the largest benchmark counts as it is; sizes are (G, 1).
    """
    questions = [part.sizes.sum() for part in parts]
    weights = [max(questions) / count for count in questions]
    sums = np.concatenate([part.sums * weight for part, weight in zip(parts, weights, strict=True)])
    return Clusters(sums, np.concatenate([part.sizes * weight for part, weight in zip(parts, weights, strict=True)]))


def trimmed(values: Array, share: float) -> Array:
    """(questions, K) values whose means are those of each cell with this share of it, the largest values, left out.

    What is left out counts as the largest value that stays, and all are shifted to the trimmed mean (Tukey and
    McLaughlin, 1963): their spread is that of a trimmed mean, in which it is chance where the cut lies.
    """
    largest = np.quantile(values, 1 - share, axis=0, method="inverted_cdf")
    out = (values > largest).mean(axis=0)
    return (np.minimum(values, largest) - out * largest) / (1 - out)


@lru_cache(maxsize=2)
def resample(images: int, resamples: int, seed: int) -> Array:
    """Weights (1 + resamples, images): row 0 counts every image once, each other row draws with replacement."""
    draws = np.random.default_rng(seed).integers(images, size=(resamples, images))
    cells = (draws + images * np.arange(resamples)[:, None]).ravel()
    counts = np.bincount(cells, minlength=resamples * images).reshape(resamples, images)
    weights = np.vstack([np.ones(images), counts]).astype(np.float64)
    weights.flags.writeable = False  # the cache shares it
    return weights


def means(data: Clusters, weights: Array) -> Array:
    """(R, K) mean over questions in each sample; NaN where a sample has no image of the cell."""
    with np.errstate(invalid="ignore"):
        return weights @ data.sums / (weights @ data.sizes)


def percentile_interval(draws: NDArray, confidence: float) -> NDArray:
    """(2, …) percentile bootstrap interval of draws (B, …); its ends are drawn values, so layers stay layers.

    Draws that are NaN, of samples without an image of the cell, are left out. np.nanquantile by "inverted_cdf" is the
    same, one cell after the other.
    """
    tail = (1 - confidence) / 2
    ordered = np.sort(draws, axis=0)  # NaN last
    known = len(draws) - np.isnan(draws).sum(axis=0)
    places = np.array([np.ceil(known * share - 1) for share in (tail, 1 - tail)])
    return np.take_along_axis(ordered, np.maximum(places, 0).astype(np.int64), axis=0)


class Interval(NamedTuple):
    """A mean and the ends of its bootstrap interval, each (K,)."""

    mean: Array
    low: Array
    high: Array


def bootstrap(data: Clusters, confidence: float, resamples: int, seed: int) -> Interval:
    """Mean over questions with a percentile interval over images; all cells are resampled with the same images."""
    draws = means(data, resample(len(data.sizes), resamples, seed))
    return Interval(draws[0], *percentile_interval(draws[1:], confidence))


class Estimate(NamedTuple):
    """A mean difference of each cell with its standard error, both (K,), and degrees of freedom; Student's t."""

    mean: Array
    error: Array
    freedom: float

    def p_above(self, margin: float) -> Array:
        """One-sided p of 'the mean is at most `margin`'."""
        return stats.t.sf((self.mean - margin) / self.error, self.freedom)

    def p_two_sided(self) -> Array:
        """Two-sided p of 'the mean is 0'."""
        return 2 * stats.t.sf(np.abs(self.mean / self.error), self.freedom)

    def reach(self, confidence: float) -> Array:
        """Distance from the mean to a one-sided confidence bound."""
        return stats.t.ppf(confidence, self.freedom) * self.error


def estimate(data: Clusters, pseudo: Sequence[tuple[float, float | Array]]) -> Estimate:
    """Cluster-robust mean of paired differences, with pseudo-images added to the data.

    The variance is that of a ratio mean over images (between-cluster sandwich, count/(count − 1) correction). Without
    pseudo-images ten questions that happen to agree would have a standard error of 0 and "prove" any equivalence.

    Args:
        pseudo: (how many, value of all their differences): images of mean size; their number may be a fraction, and a
            value may differ by cell (K,).
    """
    sums, sizes = data
    size = sizes.mean(axis=0)
    count = len(sizes) + sum(number for number, _ in pseudo)
    total = count * size
    mean = (sums.sum(axis=0) + sum(number * value * size for number, value in pseudo)) / total
    squares = ((sums - mean * sizes) ** 2).sum(axis=0)
    squares = squares + sum(number * (size * (value - mean)) ** 2 for number, value in pseudo)
    return Estimate(mean, np.sqrt(count / (count - 1) * squares) / total, count - 1)


def widened(data: Clusters) -> Estimate:
    """Estimate with two pseudo-images, at ± the largest mean difference of one image (±1 where there is none).

    No interval of it is empty, and its mean has the sign of the data's.
    """
    sums, sizes = np.broadcast_arrays(*data)
    largest: Array = np.abs(sums / np.maximum(sizes, 1)).max(axis=0)
    largest[largest == 0] = 1.0
    return estimate(Clusters(sums, sizes), [(1.0, largest), (1.0, -largest)])


def toward(data: Clusters, confidence: float, worst: float) -> Estimate:
    """Estimate for a one-sided bound in the direction of `worst` (+1: upper bounds, −1: lower bounds and p_above).

    z²/2 pseudo-images have the difference `worst` and as many have 0: the one-sided form of Agresti and Coull (1998,
    Am. Stat. 52:119), extended to clusters. It keeps its level where differences are rare and of one sign, which is the
    usual case at a horizon.
    """
    number = stats.norm.ppf(confidence) ** 2 / 2
    return estimate(data, [(number, worst), (number, 0.0)])


def upper(data: Clusters, confidence: float) -> Array:
    """(K,) one-sided upper bound of the mean; at or below a margin, a loss within that margin is shown."""
    found = toward(data, confidence, 1.0)
    return found.mean + found.reach(confidence)


def lower(data: Clusters, confidence: float) -> Array:
    """(K,) one-sided lower bound of the mean."""
    return -upper(Clusters(-data.sums, data.sizes), confidence)


def p_above(data: Clusters, margin: float, confidence: float) -> Array:
    """(K,) one-sided p of 'the mean is at most `margin`'; it is below 1 − confidence where `lower` is above."""
    return toward(data, confidence, -1.0).p_above(margin)


def resolution(images: int, confidence: float) -> float:
    """Smallest margin that so many images can show: `upper` where no difference is seen at all."""
    return float(upper(Clusters(np.zeros((images, 1)), np.ones((images, 1))), confidence)[0])


def holm(p: Array) -> Array:
    """Holm's step-down adjusted p-values over the last axis (…, K)."""
    count = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    adjusted = np.take_along_axis(p, order, -1) * np.arange(count, 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(adjusted, axis=-1), 1)
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, adjusted, -1)
    return result
