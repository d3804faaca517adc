"""One model on one benchmark, and what is to be done for it: FLOPs, steps of decoding, choices, disk. No torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from infohorizon.capacity import FEW, tokens_on
from infohorizon.models.geometry import Geometry, batch_bytes, kv_bytes
from infohorizon.study.cards import CARDS
from infohorizon.study.catalogue import Size
from infohorizon.study.configuration import Config
from infohorizon.study.cost import PREFIX, head_flops, layer_flops, weight_bytes
from infohorizon.tables.resumable import CHUNK


@dataclass(frozen=True)
class Workload:
    """One model on one benchmark: `tokens` visual tokens per image, `element` bytes per weight."""

    model: str
    benchmark: str
    shape: Geometry
    element: int
    size: Size
    tokens: int

    @property
    def sequence(self) -> int:
        """Tokens of a prompt: prefix, image, text."""
        return PREFIX + self.tokens + self.size.text

    @property
    def stored(self) -> int:
        """Bytes of the weights on disk."""
        return self.shape.parameters * self.element

    def questions(self, limit: int | None) -> int:
        """How many questions a rule with this limit works on."""
        return min(limit or self.size.questions, self.size.questions)


@dataclass(frozen=True)
class Cost:
    """What is to be done.

    Attributes:
        flops: of passes through the decoder or the vision tower; layers: decoder layers of the questions (images).
        decoded: FLOPs of generated tokens; steps: how often the weights are read to generate one for a whole batch.
        choosing: seconds in which strategies choose; disk: bytes.
    """

    flops: float = 0.0
    layers: float = 0.0
    decoded: float = 0.0
    steps: float = 0.0
    choosing: float = 0.0
    disk: float = 0.0

    def __mul__(self, times: float) -> "Cost":
        return Cost(*(getattr(self, field.name) * times for field in fields(self)))

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


Waiting = tuple[int, float]
"""Rows of a call that wait for those of others, and the tokens that they hold together."""


class Rows(NamedTuple):
    """Rows of a question that share decoder calls; tokens: that each of them recomputes; cached: tokens that they hold
    together when they answer, averaged over layers."""

    count: int
    tokens: int
    cached: float


def rows_of(load: Workload, layers: Sequence[int], tokens: int, held: int) -> Rows:
    """A row for each of these layers, which holds the whole prompt before its layer and `held` tokens from there on."""
    depth = load.shape.layers
    cached = sum(layer * load.sequence + (depth - layer) * held for layer in layers) / depth
    return Rows(len(layers), tokens, cached)


def calls_of(load: Workload, config: Config, shared: Iterable[Rows]) -> float:
    """Calls in which the answers of one question are generated, each of `batch_size` rows or of what fits on the card.
    The rows of a small call wait for those of other questions."""
    own, waiting, (most, _) = 0, list[Waiting](), _planned_room(load, config)
    for rows in shared:
        size = max(1, most // rows.tokens) if config["batch_size"] == "auto" else config["batch_size"]
        for count in [min(size, rows.count - start) for start in range(0, rows.count, size)]:
            if count > FEW:
                own += 1
            else:
                waiting.append((count, rows.cached * count / rows.count))
    return own + joint_calls(load, config, waiting)


def joint_calls(load: Workload, config: Config, waiting: Sequence[Waiting]) -> float:
    """Calls per question in which answers continue together: as many as may wait, of CHUNK questions.

    Args:
        waiting: of each call of the question; rows that do not fit take steps of their own.
    """
    if not waiting:
        return 0.0
    size, (_, most) = config["batch_size"], _planned_room(load, config)
    least = 0.0 if size == "auto" else sum(rows for rows, _ in waiting) / size
    shares = sum(1 / max(1, most // cached) for _, cached in waiting)
    return max(1 / CHUNK, least, shares)


def generation(load: Workload, rows: int = 0, calls: float = 0) -> Cost:
    """Answer tokens after the first: of so many rows, in so many calls."""
    tokens = load.size.answer - 1
    each = load.shape.layers * layer_flops(load.shape, 1, load.sequence) + head_flops(load.shape)
    return Cost(decoded=rows * tokens * each, steps=calls * tokens)


def _planned_room(load: Workload, config: Config) -> tuple[int, int]:
    return room(load, CARDS[config["plan"]["card"]].memory)


def room(load: Workload, memory: float) -> tuple[int, int]:
    """Tokens of a decoder call, and of rows that wait, on a card of so many bytes."""
    free = memory - weight_bytes(load.shape, load.element)
    return tokens_on(free, batch_bytes(load.shape, 1, load.element), kv_bytes(load.shape, 1, load.element))
