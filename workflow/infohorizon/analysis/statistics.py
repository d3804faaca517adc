"""Statistics of paired scores whose questions share images: questions of one image are not independent.

G images (clusters), K cells (a layer, a layer and keep, a schedule), B resamples. A weights array of shape (R, G) says
how often each image counts in each of R samples; row 0 of `resample` is the data themselves, so an estimate and its
bootstrap distribution come from the same call.
"""

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

    Draws that are NaN, of samples without an image of the cell, are left out.
    """
    tail = (1 - confidence) / 2
    return np.nanquantile(draws, [tail, 1 - tail], axis=0, method="inverted_cdf")


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
    """A mean difference with its standard error, both (R, K), and degrees of freedom; tests by Student's t."""

    mean: Array
    error: Array
    freedom: int

    def p_greater(self) -> Array:
        """One-sided p of 'the mean is at most 0'."""
        return stats.t.sf(self.mean / self.error, self.freedom)

    def p_two_sided(self) -> Array:
        """Two-sided p of 'the mean is 0'."""
        return 2 * stats.t.sf(np.abs(self.mean / self.error), self.freedom)

    def lower(self, confidence: float) -> Array:
        """One-sided lower confidence bound; above −margin, non-inferiority by that margin is shown."""
        return self.mean - stats.t.ppf(confidence, self.freedom) * self.error

    def upper(self, confidence: float) -> Array:
        """One-sided upper confidence bound."""
        return self.mean + stats.t.ppf(confidence, self.freedom) * self.error

    def furthest(self, confidence: float) -> Array:
        """Smallest margin within which equivalence to 0 is shown by two one-sided tests (TOST; Schuirmann 1987)."""
        return np.maximum(self.upper(confidence), -self.lower(confidence))


def paired(data: Clusters, weights: Array) -> Estimate:
    """Cluster-robust mean of paired differences in [−1, 1], with two pseudo-images.

    The variance is that of a ratio mean over images (between-cluster sandwich, G/(G − 1) correction). As Bonett and
    Price (2012, J. Educ. Behav. Stat. 37:479) do for paired proportions, one pseudo-image of mean size with all
    differences +1 and one with all −1 are added: without them ten questions that happen to agree would have a standard
    error of 0 and "prove" any equivalence. They are no part of what is resampled.
    """
    sums, sizes = data
    images = len(sizes)
    size = weights @ sizes
    pseudo = size / images
    size = size + 2 * pseudo
    mean = weights @ sums / size
    squares = weights @ sums**2 - 2 * mean * (weights @ (sums * sizes))
    squares += mean**2 * (weights @ sizes**2) + 2 * pseudo**2 * (1 + mean**2)
    error = np.sqrt((images + 2) / (images + 1) * np.maximum(squares, 0)) / size
    return Estimate(mean, error, images + 1)


def resolution(images: int, confidence: float) -> float:
    """Smallest margin that so many images can show: the bound of `paired` where no difference is seen at all."""
    return float(stats.t.ppf(confidence, images + 1) * np.sqrt(2 / ((images + 1) * (images + 2))))


def holm(p: Array) -> Array:
    """Holm's step-down adjusted p-values over the last axis (…, K)."""
    count = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    adjusted = np.take_along_axis(p, order, -1) * np.arange(count, 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(adjusted, axis=-1), 1)
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, adjusted, -1)
    return result
