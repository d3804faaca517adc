"""Is there a difference? Paired scores by image: p from flipping signs, and an interval that never contradicts it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infohorizon.analysis.statistics import Array, Clusters, Estimate, widened


class Comparison(NamedTuple):
    """Paired differences (K,): the mean, its interval and the two-sided p of 'no difference'.

    An interval leaves out 0 exactly where p is below 1 − confidence.
    """

    mean: Array
    low: Array
    high: Array
    p: Array


def compare(data: Clusters, confidence: float, flips: int, seed: int) -> Comparison:
    """Is there a difference? p from flipping the signs of images; the interval by Student's t of `widened`."""
    mean = data.sums.sum(axis=0) / data.sizes.sum(axis=0)
    return in_step(mean, widened(data), sign_flip(data, flips, seed), confidence)


def in_step(mean: Array, found: Estimate, p: Array, confidence: float) -> Comparison:
    """An interval by Student's t that agrees with another test's p.

    Where the two tests disagree about 0, the more cautious one decides: p is the larger of both, and an interval that
    would leave out 0 although p does not is extended to 0.
    """
    p = np.maximum(p, found.p_two_sided())
    reach = found.reach((1 + confidence) / 2)
    low, high = np.minimum(found.mean - reach, mean), np.maximum(found.mean + reach, mean)
    open_ = p >= 1 - confidence
    return Comparison(mean, np.where(open_, np.minimum(low, 0), low), np.where(open_, np.maximum(high, 0), high), p)


EXACT = 12
"""So many images with a difference have all their 2^k sign patterns counted; more are sampled."""
CHUNK = 4_000_000  # signs at a time


def sign_flip(data: Clusters, flips: int, seed: int) -> Array:
    """(K,) two-sided p of 'each image's summed difference is as likely to have the other sign' (Fisher 1935).

    Exact for a cell with up to EXACT images that differ; else (1 + patterns as extreme) / (1 + flips), the same random
    patterns for all cells.
    """
    sums = data.sums
    differ = sums != 0
    p = np.ones(sums.shape[1])
    few = differ.sum(axis=0) <= EXACT
    for cell in np.flatnonzero(few & differ.any(axis=0)):
        own = sums[differ[:, cell], cell]
        exact = 1.0 - 2.0 * (np.arange(2 ** len(own))[:, None] >> np.arange(len(own)) & 1)
        p[cell] = _extreme(exact, own[:, None]).mean()
    many = ~few
    if many.any():
        extreme = np.zeros(many.sum())
        for patterns in sign_patterns(flips, len(sums), seed):
            extreme += _extreme(patterns, sums[:, many]).sum(axis=0)
        p[many] = (1 + extreme) / (1 + flips)
    return p


def sign_patterns(flips: int, images: int, seed: int) -> Iterator[Array]:
    """Random signs of the images, (some of the patterns, images) at a time."""
    random, step = np.random.default_rng(seed), max(1, CHUNK // images)
    for start in range(0, flips, step):
        drawn = random.integers(2, size=(min(step, flips - start), images), dtype=np.int8)
        yield 1.0 - 2.0 * drawn.astype(np.float64)


def _extreme(patterns: NDArray, sums: Array) -> NDArray[np.bool_]:
    """(patterns, K): is the flipped sum at least as far from 0 as that of the data? Rounding decides no tie."""
    return np.abs(patterns @ sums) >= np.abs(sums.sum(axis=0)) - 1e-9 * np.abs(sums).sum(axis=0)
