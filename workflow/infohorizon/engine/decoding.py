"""Greedy answers: every row continues with the caches its layers really saw, until it ends; rows that ended leave.

One row that rambles costs its own steps alone, not those of its whole batch. Where answers may be completed later, the
last rows of a call wait for those of other calls and questions (unfinished.py).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from infohorizon.capacity import FEW
from infohorizon.engine.caches import PrefixCache
from infohorizon.engine.greedy import Greedy
from infohorizon.engine.language_model import LanguageModel, Rope
from infohorizon.engine.layers import run_layer
from infohorizon.engine.unfinished import LEAVE, Row, Unfinished


@dataclass
class Group:
    """Rows of a batch that share one cache layout at one layer; `next` is the next generated token's place."""

    rows: slice
    cache: PrefixCache
    rope: Rope
    next: int


@dataclass
class Branches:
    """R resumed rows.

    Attributes:
        final: (R, read, d) final-normed states of the tokens that are read.
        caches: for each layer, the groups that make up the R rows; empty where nothing will be decoded.
    """

    final: Tensor
    caches: list[list[Group]]


def unforced(branches: Branches, forced: int) -> Branches:
    """The rows as they are before their `forced` last tokens (teacher-forced ones), to be decoded from."""
    if forced == 0:
        return branches
    caches = [
        [Group(group.rows, group.cache.without(forced), group.rope, group.next - forced) for group in groups]
        for groups in branches.caches
    ]
    return Branches(branches.final[:, :-forced], caches)


@torch.inference_mode()
def decode(
    model: LanguageModel,
    branches: Branches,
    limit: int,
    stop: Sequence[int],
    choose: Greedy | None = None,
    settled: Callable[[list[int]], bool] | None = None,
    unfinished: Unfinished | None = None,
) -> list[list[int]]:
    """Greedy continuation of every row: at most `limit` (≤ ROOM) token ids, without the stop token.

    Args:
        settled: whether an answer of these tokens needs no more of them; its row ends with the first that does not.
        unfinished: takes the last few rows, whose lists of ids it then completes; None: all are complete.
    """
    device, choose, caches = branches.final.device, choose or Greedy(), branches.caches
    stops, rows = torch.tensor(list(stop), device=device), torch.arange(len(branches.final), device=device)
    token = choose(model.logits(branches.final[:, -1]))  # (rows that are left,)
    answers = torch.full((len(rows), limit), -1, device=device)
    answers[:, 0], going = token, ~torch.isin(token, stops)
    lengths: dict[int, int] = {}  # of settled rows
    waiting: list[int] = []  # places of the rows that wait
    for step in range(1, limit):
        left = going.tolist()
        if settled:
            for place, (row, ids) in enumerate(zip(rows.tolist(), answers[rows, :step].tolist(), strict=True)):
                if left[place] and settled(ids):
                    left[place], lengths[row] = False, step
            going = torch.tensor(left, device=device)
        if not any(left):
            break
        if unfinished is not None and sum(left) <= FEW:
            waiting = [place for place, stays in enumerate(left) if stays]
            if unfinished.has_room(sum(_tokens(caches, place) for place in waiting)):
                break
            waiting = []
        if sum(left) <= LEAVE * len(left):
            staying = torch.tensor([row for row, stays in enumerate(left) if stays], device=device)
            caches = [_staying(groups, left, staying) for groups in caches]
            rows, token, going = rows[staying], token[staying], going[staying]
            choose.leave(staying)
        x = model.enter(model.embed(token))[:, None]  # (rows, 1, d)
        for layer, groups in zip(model.layers, caches, strict=True):
            parts = []
            for group in groups:
                part = x[group.rows]
                places = torch.full((len(part), 1), group.next + step - 1, device=device)
                parts.append(run_layer(layer, part, group.rope.at(places), group.cache))
            x = torch.cat(parts) if len(parts) > 1 else parts[0]
        token = choose(model.logits(model.norm(x)[:, 0]))
        answers[rows, step] = token
        going &= ~torch.isin(token, stops)
    ended = {-1, *stop}
    found = [_until(ids[: lengths.get(row)], ended) for row, ids in enumerate(answers.tolist())]
    if unfinished is not None and waiting:
        own = [found[row] for row in rows[waiting].tolist()]
        seen = [None if choose.seen is None else choose.seen[place].clone() for place in waiting]
        unfinished.take([_row(caches, *one, settled) for one in zip(waiting, own, seen, strict=True)])
    return found


def _row(
    caches: Sequence[Sequence[Group]],
    place: int,
    ids: list[int],
    seen: Tensor | None,
    settled: Callable[[list[int]], bool] | None,
) -> Row:
    """A row of a batch by itself, with all keys and values that it sees."""
    groups = _groups(caches, place)
    pairs = [group.cache.of_row(place - group.rows.start) for group in groups]
    return Row(ids, pairs, [(group.rope, group.next + len(ids) - 1) for group in groups], seen, settled)


def _groups(caches: Sequence[Sequence[Group]], place: int) -> list[Group]:
    """The group of each layer that a row of a batch belongs to."""
    return [next(group for group in layer if place < group.rows.stop) for layer in caches]


def _tokens(caches: Sequence[Sequence[Group]], place: int) -> int:
    """Tokens that a row sees, the mean over layers."""
    return math.ceil(sum(group.cache.tokens for group in _groups(caches, place)) / len(caches))


def _staying(groups: Sequence[Group], left: Sequence[bool], staying: Tensor) -> list[Group]:
    """The groups of one layer without the rows that left; their caches are copied.

    Args:
        left: which rows stay; staying: their indices, on the caches' device.
    """
    found, start = [], 0
    for group in groups:
        rows = slice(start, start + sum(left[group.rows]))
        if rows.stop > start:
            cache = group.cache.of_rows(staying[rows] - group.rows.start)
            found.append(Group(rows, cache, group.rope, group.next))
            start = rows.stop
    return found


def _until(tokens: list[int], ended: set[int]) -> list[int]:
    return tokens[: next((i for i, token in enumerate(tokens) if token in ended), len(tokens))]
