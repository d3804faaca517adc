"""The horizons: from which layer on visual tokens, and the choice among them, stop mattering.

Each criterion is a statistic per measured layer that has to stay at or below a threshold. Its horizon is the first
measured layer from which on it does so at every later one: a dip that recovers ends nothing. A horizon that is never
reached is the model's depth. Every horizon is estimated again in each bootstrap resample of the images (percentile
interval), and at half and at twice its threshold. "From layer l on" needs every later layer to pass (an
intersection-union test), so confidence bounds need no correction for the number of layers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
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
TESTED = ("no-advantage", "random-parity", "redundancy")
"""Criteria whose threshold is a margin that has to be shown: few images cannot (statistics.resolution)."""


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
    rows: list[dict[str, Any]] = []
    if tables.information is not None:
        rows += _information(tables, settings)
    if "drop-all" in tables.sweeps and tables.answers is not None:
        rows += _redundancy(tables, settings)
    if "random" in tables.sweeps:
        for strategy in sorted(tables.sweeps.keys() - {"random", "drop-all"}):
            rows += _against_random(tables, strategy, settings)
    return rows


def out_of_reach(rows: list[dict[str, Any]], settings: Settings) -> list[str]:
    """A sentence for each criterion of `horizons` that so few images cannot meet, whatever the answers."""
    sentences = set()
    for row in rows:
        finest = resolution(row["images"], settings.confidence)
        if row["criterion"] in TESTED and row["factor"] == 1 and row["threshold"] < finest:
            sentences.add(
                f"{row['model']} on {row['benchmark']}: {row['criterion']} at {row['threshold']:g} is out of reach, "
                f"since {row['images']} images show no margin below {finest:.3f}"
            )
    return sorted(sentences)


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


def _information(tables: Tables, settings: Settings) -> Iterator[dict[str, Any]]:
    """information, answer-information: mean peak as a share of its maximum over layers; label-free: mean KL."""
    panel = tables.panel(tables.information, ["layer"], "information")
    weights = resample(panel.images, settings.resamples, settings.seed)
    for column in ("information", "answer_information"):
        curve = means(panel.clusters(column), weights)
        share = curve / np.maximum(curve.max(axis=-1, keepdims=True), np.finfo(float).tiny)
        yield from _rows(tables, panel, column.replace("_", "-"), share, settings.tolerance, settings)
    divergence = means(panel.clusters("text_divergence"), weights)
    yield from _rows(tables, panel, "label-free", divergence, settings.divergence, settings)


def _redundancy(tables: Tables, settings: Settings) -> Iterator[dict[str, Any]]:
    """Upper bound of the loss of score when all visual tokens are dropped (non-inferiority)."""
    panel = tables.paired(tables.sweeps["drop-all"], tables.full(), CELL, "sweep of drop-all")
    loss = -_estimate(panel, settings).lower(settings.confidence)
    yield from _rows(tables, panel, "redundancy", loss, settings.margin, settings)


def _against_random(tables: Tables, strategy: str, settings: Settings) -> Iterator[dict[str, Any]]:
    """For each keep and for all at once, of the paired advantage over random, never significant (Holm over layers):

    no-advantage: its upper bound (the strategy may be worse); random-parity: the furthest bound from 0.
    """
    random = per_question(tables.sweeps["random"], CELL)
    panel = tables.paired(tables.sweeps[strategy], random, CELL, f"sweep of {strategy}")
    if panel.frame.is_empty():
        return
    families = {keep: panel.where(keep=keep) for keep in panel.cells["keep"].unique().sort()}
    found: dict[str, list[Array]] = {"no-advantage": [], "random-parity": []}
    for keep, family in families.items():
        estimate = _estimate(family, settings)
        significant = holm(estimate.p_greater()) <= 1 - settings.confidence
        bounds = estimate.upper(settings.confidence), estimate.furthest(settings.confidence)
        for (criterion, statistics), bound in zip(found.items(), bounds, strict=True):
            statistics.append(np.where(significant, np.inf, bound))
            yield from _rows(tables, family, criterion, statistics[-1], settings.equivalence, settings, strategy, keep)
    layers = np.concatenate([family.layers for family in families.values()])
    for criterion, statistics in found.items():  # all keeps at once: a layer passes if it does at each of them
        every = np.concatenate(statistics, axis=-1)
        yield from _rows(tables, panel, criterion, every, settings.equivalence, settings, strategy, layers=layers)


def _estimate(panel: Panel, settings: Settings) -> Estimate:
    return paired(panel.clusters("difference"), resample(panel.images, settings.resamples, settings.seed))


def _rows(
    tables: Tables,
    panel: Panel,
    criterion: str,
    statistic: Array,
    threshold: float,
    settings: Settings,
    strategy: str = "",
    keep: float | None = None,
    layers: NDArray | None = None,
) -> Iterator[dict[str, Any]]:
    """One row per threshold; statistic: (1 + resamples, K), row 0 of the data themselves; layers: of its columns.

    One image cannot be resampled: its interval is every possible layer.
    """
    layers = panel.layers if layers is None else layers
    for factor in FACTORS:
        estimates = first_layer(statistic <= factor * threshold, layers, tables.depth)
        low, high = percentile_interval(estimates[1:], settings.confidence)
        if panel.images == 1:
            low, high = layers.min(), tables.depth
        yield {
            "model": tables.model,
            "benchmark": tables.benchmark,
            "criterion": criterion,
            "strategy": strategy,
            "keep": keep,
            "factor": factor,
            "threshold": factor * threshold,
            "layer": int(estimates[0]),
            "low": int(low),
            "high": int(high),
            "depth": tables.depth,
            "questions": panel.questions,
            "images": panel.images,
        }
