"""The horizons: from which layer on visual tokens, and the choice among them, stop mattering.

Each criterion is a statistic per measured layer that has to stay at or below a threshold. Its horizon is the first
measured layer from which on it does so at every later one: a dip that recovers ends nothing. A horizon that is never
reached is the model's depth. Every horizon is estimated again in each bootstrap resample of the images (percentile
interval), and at half and at twice its threshold. "From layer l on" needs every later layer to pass (an
intersection-union test), so confidence bounds need no correction for the number of layers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infohorizon.analysis.panels import Panel, Tables, per_question
from infohorizon.analysis.statistics import (
    Array,
    Estimate,
    holm,
    means,
    paired,
    percentile_interval,
    resample,
    resolution,
)

FACTORS = (0.5, 1.0, 2.0)
CELL = ("layer", "keep")
VANISHING = ("information", "answer-information", "label-free", "redundancy")
AGAINST_RANDOM = ("no-advantage", "random-parity")
BOUNDS = ("redundancy", *AGAINST_RANDOM)
"""Criteria on confidence bounds. Few images never reach them (statistics.resolution), which by itself shows nothing."""


@dataclass(frozen=True)
class Settings:
    """The `horizon` section of config.yaml.

    Attributes:
        tolerance: share of its largest value over layers up to which token information counts as gone.
        margin: loss of mean score, in [0, 1], that dropping all visual tokens may cost.
        equivalence: difference of mean score between a strategy and random that counts as none.
        divergence: KL divergence in nats up to which the first-token distribution counts as unchanged.
        confidence: of intervals (two-sided) and of bounds and tests (one-sided).
        resamples: bootstrap resamples of the images.
        seed: of the resamples.
    """

    tolerance: float = 0.1
    margin: float = 0.02
    equivalence: float = 0.02
    divergence: float = 0.003
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0


def horizons(tables: Tables, settings: Settings) -> list[dict[str, Any]]:
    """Rows of the horizon table for one model on one benchmark; criteria whose tables are absent are absent.

    Raises:
        UserError: a table lacks rows, or holds a value that is not finite.
    """
    return [row for curve in _curves(tables, settings) for row in _rows(tables, curve, settings)]


def out_of_reach(rows: list[dict[str, Any]], settings: Settings) -> list[str]:
    """A sentence for each criterion of `horizons` that so few images cannot meet, whatever the answers."""
    sentences = set()
    for row in rows:
        finest = resolution(row["images"], settings.confidence)
        if row["criterion"] in BOUNDS and row["factor"] == 1 and row["threshold"] < finest:
            sentences.add(
                f"{row['model']} on {row['benchmark']}: {row['criterion']} at {row['threshold']:g} is out of reach, "
                f"since {row['images']} images show no margin below {finest:.3f}"
            )
    return sorted(sentences)


def configured(horizon: pl.DataFrame) -> pl.DataFrame:
    """The rows of the horizon table at the thresholds of config.yaml, over all keeps at once."""
    return horizon.filter(pl.col("keep").is_null(), factor=1.0)


def depth_of(horizon: pl.DataFrame, measured: pl.DataFrame, **name: str) -> int:
    """Largest depth among the named rows of the horizon table; without one, the last measured layer + 1."""
    rows = horizon.filter(**name)
    if rows.is_empty():
        return max(measured.filter(**name)["layer"]) + 1
    return max(rows["depth"])


def first_layer(holds: NDArray[np.bool_], layers: NDArray, depth: int) -> NDArray[np.int64]:
    """First measured layer beyond every layer where `holds` is false.

    Args:
        holds: (…, K) whether the criterion holds in each cell.
        layers: (K,) layer of each cell; several cells may share one.
        depth: the answer where it fails at the last measured layer.
    """
    last_failure = np.where(holds, -1, layers).max(axis=-1)
    answers = np.append(np.unique(layers), depth)
    return answers[np.searchsorted(answers, last_failure, side="right")]


class Curve(NamedTuple):
    """A criterion's statistic in every cell of a panel.

    Attributes:
        values: (1 + resamples, K), row 0 of the data themselves.
        layers: (K,) layer of each cell; several cells may share one.
        threshold: the configured one.
        strategy, keep: what is compared with random; keep None: all keeps at once.
    """

    criterion: str
    panel: Panel
    values: Array
    layers: NDArray[np.int64]
    threshold: float
    strategy: str = ""
    keep: float | None = None


def _curves(tables: Tables, settings: Settings) -> Iterator[Curve]:
    """Every criterion that the tables allow, in the order of the horizon table."""
    if tables.information is not None:
        yield from _information(tables.panel(tables.information, ["layer"], "information"), settings)
    if "drop-all" in tables.sweeps and tables.answers is not None:
        panel = tables.paired(tables.sweeps["drop-all"], tables.full(), CELL, "sweep of drop-all")
        loss = -_estimate(panel, settings).lower(settings.confidence)
        yield Curve("redundancy", panel, loss, panel.layers, settings.margin)
    if "random" in tables.sweeps:
        random = per_question(tables.sweeps["random"], CELL)
        for strategy in sorted(tables.sweeps.keys() - {"random", "drop-all"}):
            panel = tables.paired(tables.sweeps[strategy], random, CELL, f"sweep of {strategy}")
            if not panel.frame.is_empty():
                yield from _against_random(panel, strategy, settings)


def _information(panel: Panel, settings: Settings) -> Iterator[Curve]:
    """information, answer-information: mean peak as a share of its maximum over layers; label-free: mean KL."""
    weights = resample(panel.images, settings.resamples, settings.seed)
    for column in ("information", "answer_information"):
        curve = means(panel.clusters(column), weights)
        share = curve / np.maximum(curve.max(axis=-1, keepdims=True), np.finfo(float).tiny)
        yield Curve(column.replace("_", "-"), panel, share, panel.layers, settings.tolerance)
    divergence = means(panel.clusters("text_divergence"), weights)
    yield Curve("label-free", panel, divergence, panel.layers, settings.divergence)


def _against_random(panel: Panel, strategy: str, settings: Settings) -> Iterator[Curve]:
    """For each keep and for all at once, of the paired advantage over random, never significant (Holm over layers):

    no-advantage: its upper bound (the strategy may be worse); random-parity: the furthest bound from 0.
    """
    families = {keep: panel.where(keep=keep) for keep in panel.cells["keep"].unique().sort()}
    bounds: dict[str, list[Array]] = {criterion: [] for criterion in AGAINST_RANDOM}
    for keep, family in families.items():
        estimate = _estimate(family, settings)
        significant = holm(estimate.p_greater()) <= 1 - settings.confidence
        upper, furthest = estimate.upper(settings.confidence), estimate.furthest(settings.confidence)
        for criterion, bound in zip(AGAINST_RANDOM, (upper, furthest), strict=True):
            values = np.where(significant, np.inf, bound)
            bounds[criterion].append(values)
            yield Curve(criterion, family, values, family.layers, settings.equivalence, strategy, keep)
    layers = np.concatenate([family.layers for family in families.values()])
    for criterion, values_by_keep in bounds.items():  # all keeps at once: a layer passes if it does at each of them
        values = np.concatenate(values_by_keep, axis=-1)
        yield Curve(criterion, panel, values, layers, settings.equivalence, strategy)


def _estimate(panel: Panel, settings: Settings) -> Estimate:
    return paired(panel.clusters("difference"), resample(panel.images, settings.resamples, settings.seed))


def _rows(tables: Tables, curve: Curve, settings: Settings) -> Iterator[dict[str, Any]]:
    """One row per threshold. One image cannot be resampled: its interval is every possible layer."""
    for factor in FACTORS:
        threshold = factor * curve.threshold
        estimates = first_layer(curve.values <= threshold, curve.layers, tables.depth)
        low, high = percentile_interval(estimates[1:], settings.confidence)
        if curve.panel.images == 1:
            low, high = curve.layers.min(), tables.depth
        yield {
            "model": tables.model,
            "benchmark": tables.benchmark,
            "criterion": curve.criterion,
            "strategy": curve.strategy,
            "keep": curve.keep,
            "factor": factor,
            "threshold": threshold,
            "layer": int(estimates[0]),
            "low": int(low),
            "high": int(high),
            "depth": tables.depth,
            "questions": curve.panel.questions,
            "images": curve.panel.images,
        }
