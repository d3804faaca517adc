"""A criterion's statistic by layer, and what the data say of the layer from which on it stays within a threshold.

The horizon is the first measured layer from which on, at every later one, the true statistic is at most the threshold;
the depth where it never is. `Found` brackets it; its ends are decided by tests of the data, and no test's bound is
resampled again.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from infohorizon.analysis.statistics import (
    Array,
    Clusters,
    Estimate,
    holm,
    means,
    p_above,
    percentile_interval,
    resample,
    upper,
    widened,
)

Layers = NDArray[np.int64]


class Found(NamedTuple):
    """A horizon.

    Attributes:
        layer: the estimate: first layer from which on the statistic of the data themselves is within the threshold.
        low, high: ends of its confidence set, low ≤ layer ≤ high. `high` is a claim: from there on the statistic is
            shown to be within the threshold; below the depth, the horizon is shown to be reached.
        p_beyond: p of 'within the threshold at the last measured layer'; small: the horizon is never reached.
    """

    layer: int
    low: int
    high: int
    p_beyond: float


class Curve(Protocol):
    """A statistic in K cells; several cells may share a layer (one per keep)."""

    @property
    def layers(self) -> Layers:
        """(K,) layer of each cell."""
        ...

    @property
    def images(self) -> int: ...

    def horizon(self, threshold: float, level: float, depth: int) -> Found:
        """Where it stays within the threshold, each decision erring with probability `level`."""
        ...


def first_layer(holds: NDArray[np.bool_], layers: Layers, depth: int) -> Layers:
    """First measured layer beyond every layer where `holds` is false.

    Args:
        holds: (…, K) whether the criterion holds in each cell.
        layers: (K,) layer of each cell; several cells may share one.
        depth: the answer where it fails at the last measured layer.
    """
    last_failure = np.where(holds, -1, layers).max(axis=-1)
    answers = np.append(np.unique(layers), depth)
    return answers[np.searchsorted(answers, last_failure, side="right")]


@dataclass(frozen=True)
class Bounded:
    """Mean of paired differences, decided by one-sided bounds (statistics.toward).

    high: the layers are tested from the last one down, each at the full level, until one fails (fixed sequence; an
    intersection-union test, so nothing has to be corrected). low: the layer after the last one where the statistic is
    significantly above the threshold, Holm over the cells. Each end errs in at most `level` of studies.

    Attributes:
        data: of the difference that has to be small (a loss, an advantage).
        both: whether its size has to be small, whatever its sign.
        unit: the largest difference that there can be.
    """

    data: Clusters
    layers: Layers
    both: bool = False
    unit: float = 1.0

    @property
    def images(self) -> int:
        return len(self.data.sums)

    def horizon(self, threshold: float, level: float, depth: int) -> Found:
        threshold /= self.unit
        data = Clusters(self.data.sums / self.unit, self.data.sizes)
        sides = [data, Clusters(-data.sums, data.sizes)][: 1 + self.both]
        bound = np.max([upper(side, 1 - level) for side in sides], axis=0)
        mean = np.max([side.sums.sum(axis=0) / side.sizes.sum(axis=0) for side in sides], axis=0)
        above = len(sides) * np.min([p_above(side, threshold, 1 - level) for side in sides], axis=0)
        last = above[self.layers == self.layers.max()]
        decided = (mean <= threshold, holm(np.minimum(above, 1)) > level, bound <= threshold)
        layer, low, high = (int(first_layer(holds, self.layers, depth)) for holds in decided)
        return Found(layer, low, high, min(1.0, len(last) * float(last.min())))


@dataclass(frozen=True)
class Ratio:
    """Mean of a quantity at each layer against a multiple of its mean at a reference.

    The threshold is a share of the reference. Multiplied out, a resample whose reference is near 0 divides by nothing.
    low and high are percentiles of the bootstrap over images, which knows how layers hang together but nothing of
    images that were not drawn. Where a few images carry most of the quantity it would claim too much; so `high` is also
    tested as that of `Bounded` is, on what exceeds the threshold (`_excess`), and the deeper of the two counts.

    Attributes:
        data: the quantity, (images, K).
        reference: the quantity with the whole image against none, (images, 1).
        resamples, seed: of the bootstrap.
    """

    data: Clusters
    layers: Layers
    reference: Clusters
    resamples: int
    seed: int

    @property
    def images(self) -> int:
        return len(self.data.sums)

    def horizon(self, threshold: float, level: float, depth: int) -> Found:
        quantity, reference = self._draws
        layers = first_layer(quantity <= threshold * reference, self.layers, depth)
        low, high = percentile_interval(layers[1:], 1 - level)
        if self.images == 1:  # it cannot be resampled: every layer is possible
            low = self.layers.min()
        excess = self._excess(threshold)
        shown = first_layer(excess.mean + excess.reach(1 - level) <= 0, self.layers, depth)
        beyond = float(excess.p_above(0.0)[self.layers.argmax()])
        return Found(int(layers[0]), int(min(low, layers[0])), int(max(high, shown)), beyond)

    def worth(self, level: float) -> tuple[float, float]:
        """The reference's mean and its one-sided lower bound, by Student's t of `widened`."""
        mean, bound = self.reference.sums.sum() / self.reference.sizes.sum(), widened(self.reference)
        return float(mean), float(bound.mean[0] - bound.reach(1 - level)[0])

    @cached_property
    def _draws(self) -> tuple[Array, Array]:
        """Mean of the quantity, (1 + resamples, K), and of the reference, (1 + resamples, 1), in every resample."""
        weights = resample(self.images, self.resamples, self.seed)
        return means(self.data, weights), means(self.reference, weights)

    def _excess(self, threshold: float) -> Estimate:
        """What exceeds the threshold, by image."""
        sizes = np.broadcast_to(self.data.sizes, self.data.sums.shape)
        sums = self.data.sums - threshold * self.reference.sums * (sizes / self.reference.sizes)
        return widened(Clusters(sums, sizes))
