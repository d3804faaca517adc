"""The best strategy and layer, chosen on some images and judged on others.

A choice judged on the questions that it was made on looks better than it is. Images are dealt into folds; in each, the
strategy and layer with the largest advantage over random on all other folds is judged.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.panels import Panel, Tables
from infohorizon.analysis.statistics import Array, cluster, compare

FOLDS = 5
SELECTED = ("best, in sample", "best, cross-validated")


class Choices(NamedTuple):
    """Everything that can be chosen at one keep: (questions, cells) score of each strategy and layer, and random's."""

    names: list[str]
    score: Array
    random: Array
    tokens: float
    images: NDArray


def selections(tables: Tables, oracles: Collection[str], settings: Settings) -> list[dict[str, Any]]:
    """Rows of the comparison table, kind `selected`: for each keep the choice in sample and cross-validated."""
    panels = {name: tables.against_random(name) for name in tables.compared_with_random() if name not in oracles}
    panels = {name: panel for name, panel in panels.items() if not panel.frame.is_empty()}
    keeps = sorted({keep for panel in panels.values() for keep in panel.cells["keep"]})
    rows: list[dict[str, Any]] = []
    for keep in keeps:
        choices = _choices({name: panel.where(keep=keep) for name, panel in panels.items()})
        if choices is not None and len(np.unique(choices.images)) >= 2 * FOLDS:
            rows += _rows(tables, keep, choices, settings)
    return rows


def cross_validated(difference: Array, images: NDArray, seed: int) -> NDArray[np.int64]:
    """(questions,) the cell chosen for each question: that with the largest mean difference on the other folds.

    Args:
        difference: (questions, cells) advantage over random.
    """
    codes = np.unique(images, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(codes.max() + 1)
    folds = (order % FOLDS)[codes]
    chosen = np.empty(len(difference), dtype=np.int64)
    for fold in range(FOLDS):
        chosen[folds == fold] = difference[folds != fold].mean(axis=0).argmax()
    return chosen


def _choices(panels: dict[str, Panel]) -> Choices | None:
    """All cells of all strategies that answered the same questions; None where there are none."""
    panels = {name: panel for name, panel in panels.items() if not panel.frame.is_empty()}
    if not panels:
        return None
    first = next(iter(panels.values()))
    asked = first.frame["question_id"].unique().sort()
    same = {name: p for name, p in panels.items() if p.frame["question_id"].unique().sort().equals(asked)}
    score = np.concatenate([panel.values("score") for panel in same.values()], axis=1)
    random = np.concatenate([panel.values("score_baseline") for panel in same.values()], axis=1)
    images = first.frame["image_id"].gather_every(first.cells.height).to_numpy()
    names = [f"{name} at layer {layer}" for name, panel in same.items() for layer in panel.layers]
    return Choices(names, score, random, float(first.values("tokens").mean()), images)


def _rows(tables: Tables, keep: float, choices: Choices, settings: Settings) -> Iterator[dict[str, Any]]:
    difference = choices.score - choices.random
    every = np.arange(len(difference))
    best = np.full(len(difference), difference.mean(axis=0).argmax())
    for name, chosen in zip(SELECTED, (best, cross_validated(difference, choices.images, settings.seed)), strict=True):
        own = difference[every, chosen][:, None]
        found = compare(cluster(own, choices.images), settings.confidence, settings.resamples, settings.seed)
        often = np.bincount(chosen, minlength=len(choices.names)).argmax()
        yield {
            "model": tables.model,
            "benchmark": tables.benchmark,
            "kind": "selected",
            "name": f"{name}: {choices.names[often]}",
            "baseline": "random",
            "layer": None,
            "keep": keep,
            "tokens": choices.tokens,
            "baseline_tokens": choices.tokens,
            "equal_tokens": True,
            "score": float(choices.score[every, chosen].mean()),
            "baseline_score": float(choices.random[every, chosen].mean()),
            "difference": float(found.mean[0]),
            "low": float(found.low[0]),
            "high": float(found.high[0]),
            "p_value": float(found.p[0]),
            "p_holm": float(found.p[0]),
            "questions": len(difference),
            "images": len(np.unique(choices.images)),
        }
