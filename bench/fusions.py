"""What compiled layers save (`compile: true`): one kernel does the elementwise work that belongs together.

Left out: launches.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from meter import KINDS, Tally

from infohorizon.study.cards import CARDS

Moved = Mapping[tuple[str, str], float]
"""Bytes that operations move, by part of a layer and operation."""


class Fusion(NamedTuple):
    """parts: the (part, operation)s that belong together, where "" is all operations of a part; one kernel for them
    moves the bytes of `measure` times `factor`; 0 where nothing is counted."""

    parts: list[tuple[str, str]]
    measure: tuple[str, str] = ("", "")
    factor: float = 0.0

    def now(self, moved: Moved) -> float:
        return sum(size for (part, op), size in moved.items() if (part, op) in self.parts or (part, "") in self.parts)

    def fused(self, moved: Moved) -> float:
        return moved.get(self.measure, 0.0) * self.factor


# A norm reads 4 bytes a value and writes 2, where `pow` moves 8. A layer's two residual sums read 4 and 2 and write 4
# each; the norm behind the first one then has its values already.
FUSIONS = {
    "norm and cast": Fusion([("norm", ""), ("attention", "_to_copy"), ("FFN", "_to_copy")], ("norm", "pow"), 6 / 8),
    "rotary embedding": Fusion(
        [("attention", name) for name in ("mul", "add", "neg", "halves")], ("attention", "neg"), 2
    ),
    "silu · up": Fusion([("FFN", "silu"), ("FFN", "mul")], ("FFN", "silu"), 6 / 4),
    "copies for attention": Fusion([("attention", name) for name in ("cat", "clone", "copy_", "expand")]),
    "residual sums": Fusion([("layer", "")], ("layer", "add"), 16 / 20),
}


def saved(moved: Moved) -> Tally:
    """The bytes that compiled layers do not move, and their time on each card."""
    less = sum(fusion.now(moved) - fusion.fused(moved) for fusion in FUSIONS.values() if fusion.factor)
    seconds = np.zeros((len(CARDS), len(KINDS)))
    seconds[:, KINDS.index("elementwise")] = [less / (card.bandwidth * card.streaming) for card in CARDS.values()]
    return Tally(bytes=less, seconds=seconds)
