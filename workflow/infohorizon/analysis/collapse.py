"""Where the matrix entropy of the visual states collapses: a label-free guess of the horizon from one forward pass."""

from collections.abc import Mapping
from itertools import pairwise


def collapse_layer(entropy: Mapping[int, float]) -> int | None:
    """The layer whose input has lost most against the input of the measured layer before it, per layer between them.

    EntropyPrune (arXiv 2602.17196) says of its "entropy collapse layer" that the entropy drops sharply there; its code
    holds the layer as a constant and no rule for finding it, so this rule is the project's own reading: the largest
    drop of one layer, at whose far side tokens would leave.

    Args:
        entropy: layer → mean matrix entropy of the visual states entering it.
    Returns: the first such layer; None where the entropy never falls.
    """
    layers = sorted(entropy)
    drops = {layer: (entropy[before] - entropy[layer]) / (layer - before) for before, layer in pairwise(layers)}
    if not drops or max(drops.values()) <= 0:
        return None
    return max(drops, key=lambda layer: drops[layer])
