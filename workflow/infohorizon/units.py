"""What a configured layer or keep means on a model of a given depth, or an image of a given token count."""

from collections.abc import Sequence
from typing import Literal


def layer_of(spec: int | float, depth: int) -> int:
    """A configured layer: an int as it is, a float as a fraction of the depth (half up, the last layer at most)."""
    return spec if isinstance(spec, int) else min(depth - 1, int(spec * depth + 0.5))


def tokens_of(keep: int | float, count: int) -> int:
    """How many of `count` tokens a configured keep means: an int is a count, a float a fraction (half up, ≥ 1)."""
    if isinstance(keep, int):
        return min(keep, count)
    return min(count, max(1, int(keep * count + 0.5)))


def layers_of(spec: Literal["all"] | Sequence[int | float], depth: int, first: int = 0) -> list[int]:
    """Configured layers as ascending ints; `all` are those from `first` on."""
    if spec == "all":
        return list(range(first, depth))
    return sorted({layer_of(layer, depth) for layer in spec})
