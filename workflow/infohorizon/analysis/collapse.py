"""Where the matrix entropy of the visual states collapses: a label-free guess of the horizon from one forward pass."""

from collections.abc import Mapping
from itertools import pairwise

import polars as pl

SHARP = 0.02  # of the entropy's scale from 0 to 1: a smaller drop of one layer is no collapse


def collapse_layer(entropy: Mapping[int, float], least: float = SHARP) -> int | None:
    """The layer whose input has lost most against the input of the measured layer before it, per layer between them.

    EntropyPrune (arXiv 2602.17196) says of its "entropy collapse layer" that the entropy drops sharply there; its code
    holds the layer as a constant and no rule for finding it, so this rule is the project's own reading: the largest
    drop of one layer, at whose far side tokens would leave.

    Args:
        entropy: layer → mean matrix entropy of the visual states entering it.
        least: what counts as sharp; the paper gives no number.
    Returns: the first such layer; None where no drop is sharp.
    """
    layers = sorted(entropy)
    drops = {layer: (entropy[before] - entropy[layer]) / (layer - before) for before, layer in pairwise(layers)}
    if max(drops.values(), default=0.0) < least:
        return None
    return max(drops, key=lambda layer: drops[layer])


def collapses(states: pl.DataFrame) -> dict[tuple[str, str], int | None]:
    """(model, benchmark) → the collapse of the mean over questions.

    Args:
        states: `observations.states`.
    """
    if states.is_empty():
        return {}
    means = states.group_by("model", "benchmark", "layer").agg(pl.col("entropy").mean())
    curves = means.partition_by("model", "benchmark", as_dict=True)
    return {
        (model, benchmark): collapse_layer(dict(own.select("layer", "entropy").iter_rows()))
        for (model, benchmark), own in curves.items()
    }
