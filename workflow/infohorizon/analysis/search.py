"""The pruning schedules that are predicted to lose least under a budget.

The loss of a schedule is taken for the sum of its stages' losses, each as if it pruned the whole image alone
(`loss_curves`). What that misses is found by running the best few. Since losses add up, only the two best strategies
of each layer and number of tokens are tried there. All sets of measured layers and a grid of keeps are enumerated; the
last keep that is above 0 is the largest that meets the budget.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infohorizon.analysis.loss_curves import DROP_ALL, Curves
from infohorizon.analysis.statistics import Array

GRID = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the tokens that stages before the last one may keep."""
RANKS = 2
"""So many strategies are tried at each layer and number of tokens, the best ones."""
ROUNDING = 1e-9

Planned = tuple[tuple[int, str, int], ...]
"""Stages (layer, strategy, tokens) on an image of N tokens, layers ascending and tokens descending."""


@dataclass(frozen=True)
class Prices:
    """What a budget limits: the cost of a pass over a prompt with an image of N visual tokens.

    Attributes:
        layer: (N + 1,) cost of one decoder layer when 0 … N visual tokens are there; never less for more tokens.
        depth: number of decoder layers.
        fixed: cost beside the layers.
    """

    layer: Array
    depth: int
    fixed: float = 0.0

    @property
    def count(self) -> int:
        """N."""
        return len(self.layer) - 1

    @property
    def unpruned(self) -> float:
        return self.fixed + self.depth * float(self.layer[-1])

    def share(self, stages: Planned) -> float:
        """Cost of a schedule as a share of the unpruned run's."""
        ends = [layer for layer, _, _ in stages] + [self.depth]
        total = self.fixed + ends[0] * self.layer[-1]
        for (_, _, tokens), start, end in zip(stages, ends, ends[1:], strict=False):
            total += (end - start) * self.layer[tokens]
        return float(total / self.unpruned)

    def mean_tokens(self, stages: Planned) -> float:
        """Mean visual tokens over all layers, as a share of N."""
        linear = Prices(np.arange(self.count + 1.0), self.depth)
        return linear.share(stages)


class Found(NamedTuple):
    """A schedule with its predicted loss; NaN where the sweep says nothing about one of its stages."""

    stages: Planned
    predicted: float


def search(curves: Curves, prices: Prices, budget: float, most: int, tries: int) -> list[Found]:
    """The `tries` schedules of at most `most` stages with the smallest predicted loss, smallest first.

    For each set of layers with their strategies only the best keeps are given. The best single stage is always among
    them, in the last place where it is not as good as the others. Of equals the one with fewer stages comes first.

    Args:
        budget: largest share of the unpruned run's cost.
    """
    found = sorted(_all(curves, prices, budget, most), key=_order)
    chosen = found[:tries]
    if not any(len(one.stages) == 1 for one in chosen) and (single := [one for one in found if len(one.stages) == 1]):
        chosen[tries - 1 :] = single[:1]
    return chosen


def scaled(stages: Sequence[tuple[int, str, float]], prices: Prices, budget: float) -> Planned | None:
    """A schedule with all keeps multiplied by the largest factor that meets a budget; None where none does.

    Args:
        stages: layer, strategy, share of the tokens that stay; 0 stays 0, and nothing else falls below one token.
    """
    count = prices.count

    def planned(factor: float) -> Planned:
        kept = [min(count - 1, max(1, int(factor * share * count + ROUNDING))) if share else 0 for *_, share in stages]
        return tuple((layer, name, tokens) for (layer, name, _), tokens in zip(stages, kept, strict=True))

    factors = sorted({tokens / (share * count) for *_, share in stages if share for tokens in range(1, count)})
    low, high = 0, len(factors)
    while low < high:
        middle = (low + high) // 2
        if prices.share(planned(factors[middle])) <= budget + ROUNDING:
            low = middle + 1
        else:
            high = middle
    return planned(factors[low - 1]) if low else None


def one_stage(layer: int, name: str, prices: Prices, budget: float) -> Planned | None:
    """One stage that keeps as many tokens as a budget allows; None where not even one."""
    return scaled([(layer, name, 1.0)], prices, budget)


def predicted(stages: Planned, curves: Curves) -> float:
    """Sum of the stages' losses; NaN if the sweep has no loss for one of them."""
    return sum(curves.at(name, layer, tokens) for layer, name, tokens in stages)


def _order(found: Found) -> tuple:
    return round(found.predicted, 9), len(found.stages), found.stages


def _all(curves: Curves, prices: Prices, budget: float, most: int) -> Iterator[Found]:
    """For each set of layers and strategies the best keeps."""
    drops = DROP_ALL in curves.names
    ranked = _ranked(curves)
    for number in range(1, most + 1):
        for where in combinations(range(len(curves.layers)), number):
            yield from _best(ranked, prices, budget, where, None)
            if drops:
                yield from _dropping(curves, ranked, prices, budget, where)


class _Ranked(NamedTuple):
    """Curves of the strategies that keep something, and which are best: (S, L, N + 1), strategies by rank, NaN last."""

    curves: Curves
    order: NDArray[np.int64]


def _ranked(curves: Curves) -> _Ranked:
    names = [name for name in curves.names if name != DROP_ALL]
    own = Curves(names, curves.layers, curves.loss[: len(names)])
    return _Ranked(own, np.argsort(own.loss, axis=0)[:RANKS])


def _dropping(
    curves: Curves, ranked: _Ranked, prices: Prices, budget: float, where: tuple[int, ...]
) -> Iterator[Found]:
    """Schedules that end with no visual token."""
    last = where[-1]
    loss, stage = float(curves.loss[-1, last, 0]), (curves.layers[last], DROP_ALL, 0)
    if not np.isfinite(loss):
        return
    if len(where) == 1:
        if prices.share((stage,)) <= budget + ROUNDING:
            yield Found((stage,), loss)
        return
    for stages, before in _best(ranked, prices, budget, where[:-1], curves.layers[last]):
        yield Found((*stages, stage), before + loss)


def _best(
    ranked: _Ranked, prices: Prices, budget: float, where: tuple[int, ...], dropped: int | None
) -> Iterator[Found]:
    """For stages at these layers (indices), with every token dropped at another one after them, each set of strategies
    with its best keeps."""
    curves, by_rank = ranked
    if not curves.names:
        return
    tokens = _keeps(prices, budget, [curves.layers[index] for index in where], dropped)
    rows = np.arange(len(tokens))
    losses, strategies = [], []
    for ranks in product(range(len(by_rank)), repeat=len(where)):
        chosen = np.stack([by_rank[r, w, tokens[:, i]] for i, (r, w) in enumerate(zip(ranks, where, strict=True))], 1)
        losses.append(sum(curves.loss[chosen[:, i], w, tokens[:, i]] for i, w in enumerate(where)))
        strategies.append(chosen)
    loss, chosen, row = np.concatenate(losses), np.concatenate(strategies), np.tile(rows, len(losses))
    known = np.flatnonzero(np.isfinite(loss))
    order = known[np.argsort(loss[known], kind="stable")]
    sets = chosen @ len(curves.names) ** np.arange(len(where))  # a number for each set of strategies
    for index in order[np.unique(sets[order], return_index=True)[1]]:
        names = [curves.names[strategy] for strategy in chosen[index]]
        layers = [curves.layers[w] for w in where]
        stages = zip(layers, names, map(int, tokens[row[index]]), strict=True)
        yield Found(tuple(stages), float(loss[index]))


def _keeps(prices: Prices, budget: float, layers: list[int], dropped: int | None) -> NDArray[np.int64]:
    """(rows, stages) descending numbers of tokens: all of the grid, and the largest last one that meets the budget."""
    count, end = prices.count, prices.depth if dropped is None else dropped
    grid = sorted({int(share * count + 0.5) for share in GRID} - {0, count}, reverse=True)
    earlier = list(combinations(grid, len(layers) - 1))
    before = np.array(earlier, dtype=np.int64).reshape(len(earlier), len(layers) - 1)
    spent = prices.fixed + layers[0] * prices.layer[-1] + (prices.depth - end) * prices.layer[0]
    spent = spent + sum(
        (prices.layer[before[:, i]] * (layers[i + 1] - layers[i]) for i in range(len(layers) - 1)),
        start=np.zeros(len(before)),
    )
    left = ((budget + ROUNDING) * prices.unpruned - spent) / (end - layers[-1])
    last = np.searchsorted(prices.layer, left, side="right") - 1
    most = before[:, -1] if len(layers) > 1 else np.full(len(before), count)
    last = np.where(last >= most, 0, last)  # a stage must leave out something
    keeps = np.concatenate([before, last[:, None]], axis=1)
    return keeps[last > 0]
