"""What a configured layer or keep means on a model of a given depth, or an image of a given token count."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal


def layer_of(spec: int | float, depth: int) -> int:
    """A configured layer: an int as it is, a float as a fraction of the depth (half up, the last layer at most)."""
    return spec if isinstance(spec, int) else min(depth - 1, share_of(spec, depth))


def tokens_of(keep: int | float, count: int) -> int:
    """How many of `count` tokens a configured keep means: an int is a count, a float a fraction (half up, ≥ 1)."""
    if isinstance(keep, int):
        return min(keep, count)
    return min(count, max(1, share_of(keep, count)))


def share_of(fraction: float, whole: int) -> int:
    """fraction × whole, half up, of the decimal number as it is written: 0.29 × 50 is less than 14.5 in binary."""
    return math.floor(Fraction(str(fraction)) * whole + Fraction(1, 2))


def layers_of(spec: Literal["all"] | Sequence[int | float], depth: int, first: int = 0) -> list[int]:
    """Configured layers as ascending ints; `all` are those from `first` on."""
    if spec == "all":
        return list(range(first, depth))
    return sorted({layer_of(layer, depth) for layer in spec})
