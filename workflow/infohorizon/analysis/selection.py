"""The best strategy and layer, chosen on some images and judged on others.

A choice judged on the questions that it was made on looks better than it is. Images are dealt into folds; in each, the
strategy and layer with the largest advantage over random on all other folds is judged.

Folds share most of the images that they choose on, so what they find is not independent. A test that knows nothing of
the choice errs in over 10 % of studies at a level of 5 %, and no variance that is computed from the folds is unbiased
(Bengio and Grandvalet, 2004). Therefore signs of images are flipped before the choice, which is made again in every
pattern.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.differences import Comparison, in_step, sign_patterns
from infohorizon.analysis.panels import Panel, Tables
from infohorizon.analysis.statistics import Array, cluster, holm, widened

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
    for name in SELECTED:  # Holm over the keeps
        own = [row for row in rows if row["name"].startswith(name)]
        for row, p in zip(own, holm(np.array([row["p_value"] for row in own])), strict=True):
            row["p_holm"] = float(p)
    return rows


def dealt(images: NDArray, seed: int) -> NDArray[np.int64]:
    """(images,) fold of each image, in the order of their ids."""
    return np.random.default_rng(seed).permutation(len(np.unique(images))) % FOLDS


def choose(difference: Array, images: NDArray, folds: NDArray) -> NDArray[np.int64]:
    """(questions,) cell chosen for each question: that with the largest summed difference on the other folds.

    Args:
        difference: (questions, cells) advantage over random.
        folds: (images,) of each image; where there is only one, it chooses for itself.
    """
    codes = np.unique(images, return_inverse=True)[1]
    sums = cluster(difference, images).sums
    best = np.zeros(folds.max() + 1, dtype=np.int64)
    for fold, cells, _ in _folds(np.ones((1, len(folds))), sums, folds):
        best[fold] = cells[0]
    return best[folds[codes]]


def judged(difference: Array, images: NDArray, folds: NDArray, settings: Settings) -> Comparison:
    """The advantage of what is chosen, with a p and an interval that know of the choice.

    p: from flipping signs of images, with a choice of its own in every pattern. The standard error is at least the
    spread over these patterns when no cell has an advantage.

    Args: as for `choose`.
    """
    chosen = choose(difference, images, folds)
    own = cluster(difference[np.arange(len(difference)), chosen][:, None], images)
    every = cluster(difference, images)

    def flipped(sums: Array) -> Array:
        patterns = sign_patterns(settings.resamples, len(folds), settings.seed)
        return np.concatenate([_advantage(signs, sums, folds) for signs in patterns])

    extreme = np.abs(flipped(every.sums)) >= np.abs(own.sums.sum()) - 1e-9 * np.abs(own.sums).sum()
    p = np.array([(1 + extreme.sum()) / (1 + settings.resamples)])
    spread = flipped(every.sums - every.sizes * difference.mean(axis=0)).std() / len(difference)
    found = widened(own)
    found = found._replace(error=np.maximum(found.error, spread))
    return in_step(own.sums.sum(axis=0) / len(difference), found, p, settings.confidence)


def _advantage(signs: Array, sums: Array, folds: NDArray) -> Array:
    """(R,) summed difference of what is chosen where images (G, cells) have these signs (R, G)."""
    every = np.arange(len(signs))
    return np.sum([own[every, cells] for _, cells, own in _folds(signs, sums, folds)], axis=0)


def _folds(signs: Array, sums: Array, folds: NDArray) -> Iterator[tuple[int, NDArray[np.int64], Array]]:
    """Each fold, the cell that the others choose for it (R,), and its own sums (R, cells)."""
    total = signs @ sums
    for fold in np.unique(folds):
        own = signs[:, folds == fold] @ sums[folds == fold]
        others = total if (folds == fold).all() else total - own
        yield int(fold), others.argmax(axis=1), own


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
    every, dealt_out = np.arange(len(difference)), dealt(choices.images, settings.seed)
    for name, folds in zip(SELECTED, (np.zeros_like(dealt_out), dealt_out), strict=True):
        chosen = choose(difference, choices.images, folds)
        found = judged(difference, choices.images, folds, settings)
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
            "questions": len(difference),
            "images": len(np.unique(choices.images)),
        }
