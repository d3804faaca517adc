"""Unfinished answers: rows of many calls and questions, which continue together.

A step of one row takes about as long as a step of a hundred: the weights are read and the kernels launched for either.
The last rows of a call therefore wait here, each with all the keys and values that it sees, until there are many.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from infohorizon.engine.batching import Batch
from infohorizon.engine.caches import Pair
from infohorizon.engine.greedy import Greedy
from infohorizon.engine.language_model import LanguageModel, Rope
from infohorizon.engine.layers import run_layer
from infohorizon.engine.padded import PaddedCache

LEAVE = 0.75
"""Rows that ended leave once no more than this share of a batch is left: each leaving copies the others' caches."""
BLOCK = 32  # new tokens whose places are prepared at once


@dataclass
class Row:
    """A row whose answer is not finished.

    Attributes:
        ids: what it has said; its last token has not been through the decoder yet.
        caches: for each layer the keys and values of all tokens before that, (key/value heads, tokens, head width).
        places: for each layer that token's place, and in which rotary table.
        seen: (vocabulary,) tokens that a repetition penalty touches; None where there is none.
        settled: whether an answer of these tokens ends there.
    """

    ids: list[int]
    caches: list[Pair]
    places: list[tuple[Rope, int]]
    seen: Tensor | None = None
    settled: Callable[[list[int]], bool] | None = None

    @cached_property
    def tokens(self) -> int:
        """Cached tokens, the mean over layers."""
        return math.ceil(sum(keys.shape[1] for keys, _ in self.caches) / len(self.caches))


class Unfinished:
    """Rows that wait, and their common continuation, which completes their lists `ids` in place.

    Args:
        batch: budget of a call, and of what may wait.
        limit, stop: as for `decode`; penalty: as for `Greedy`.
    """

    def __init__(
        self, model: LanguageModel, batch: Batch, limit: int, stop: Sequence[int], penalty: float = 1.0
    ) -> None:
        self.model, self.batch, self.limit, self.stop, self.penalty = model, batch, limit, set(stop), penalty
        self.rows: list[Row] = []
        batch.reliefs.append(self.finish)

    def has_room(self, tokens: int) -> bool:
        """Whether rows of so many cached tokens may wait; those that wait already continue first where they must."""
        if tokens <= self.batch.waiting < tokens + sum(row.tokens for row in self.rows):
            self.finish()
        return tokens <= self.batch.waiting

    def take(self, rows: Sequence[Row]) -> None:
        """Let rows wait for which there is room."""
        self.rows += rows

    def finish(self) -> None:
        """Complete the answers of all rows that wait.

        Raises:
            UserError: not even one row fits into memory.
        """
        rows, self.rows = sorted(self.rows, key=lambda row: row.tokens), []
        if rows:
            self.batch.halves(len(rows), rows[-1].tokens, lambda part: self._continue(rows[part]))

    @torch.inference_mode()
    def _continue(self, rows: Sequence[Row]) -> None:
        """Decode until all rows have ended; their ids are extended only then, so that a failed call changes none."""
        model, device, said = self.model, self.model.embed.weight.device, [list(row.ids) for row in rows]
        lengths = torch.tensor([[keys.shape[1] for keys, _ in row.caches] for row in rows], device=device)
        caches = [PaddedCache([row.caches[j] for row in rows], lengths[:, j]) for j in range(model.depth)]
        choose = Greedy(penalty=self.penalty, seen=_stacked([row.seen for row in rows]))
        token = torch.tensor([ids[-1] for ids in said], device=device)
        left, ended = list(range(len(rows))), set[int]()  # the batch's rows, and which of them have ended
        ropes: list[tuple[Tensor, Tensor]] = []
        step = first = 0  # and the step at which `ropes` begin
        while len(ended) < len(rows):
            if not ropes or step - first == BLOCK:
                ropes, first = self._ropes([rows[i] for i in left], step), step
            x = model.enter(model.embed(token))[:, None]  # (rows, 1, d)
            for layer, rope, cache in zip(model.layers, ropes, caches, strict=True):
                now = slice(step - first, step - first + 1)
                x = run_layer(layer, x, (rope[0][..., now, :], rope[1][..., now, :]), cache)
            token = choose(model.logits(model.norm(x)[:, 0]))
            for i, new in zip(left, token.tolist(), strict=True):
                if i not in ended and self._ends(rows[i], said[i], new):
                    ended.add(i)
            going = [place for place, i in enumerate(left) if i not in ended]
            if going and len(going) <= LEAVE * len(left):
                staying, left = torch.tensor(going, device=device), [left[place] for place in going]
                token, ropes = token[staying], _of_rows(ropes, staying)
                choose.leave(staying)
                for cache in caches:
                    cache.leave(going, staying)
            step += 1
        for row, ids in zip(rows, said, strict=True):
            row.ids += ids[len(row.ids) :]

    def _ends(self, row: Row, ids: list[int], new: int) -> bool:
        """Add a token to a row's `ids` unless it is a stop token; whether the answer ends with it."""
        if new in self.stop:
            return True
        ids.append(new)
        return len(ids) == self.limit or (row.settled is not None and row.settled(ids))

    def _ropes(self, rows: Sequence[Row], step: int) -> list[tuple[Tensor, Tensor]]:
        """For each layer cos and sin of the next BLOCK tokens of each row, (rows, BLOCK, head width), or with the
        leading 3 of M-RoPE; layers whose places are the same share them."""
        found: dict[tuple[tuple[int, int], ...], tuple[Tensor, Tensor]] = {}
        layers = []
        for j in range(self.model.depth):
            places = [row.places[j] for row in rows]
            key = tuple((id(rope), place) for rope, place in places)
            if key not in found:
                parts = [rope.following(place + step, BLOCK) for rope, place in places]
                cos, sin = (torch.cat(part, dim=-3) for part in zip(*parts, strict=True))
                found[key] = cos, sin
            layers.append(found[key])
        return layers


def _of_rows(ropes: Sequence[tuple[Tensor, Tensor]], staying: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The tables of some rows; layers that share one still do."""
    tables = {id(rope): rope for rope in ropes}
    found = {key: (cos.index_select(-3, staying), sin.index_select(-3, staying)) for key, (cos, sin) in tables.items()}
    return [found[id(rope)] for rope in ropes]


def _stacked(seen: Sequence[Tensor | None]) -> Tensor | None:
    """(rows, vocabulary); None where there is no penalty."""
    parts = [one for one in seen if one is not None]
    return torch.stack(parts) if parts else None
