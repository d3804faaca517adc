"""Keys and values of a layer: of rows that share a prefix, and of rows that have nothing in common.

transformers' layers take any object with an `update` method for a cache. Attention finds the one that is running here,
because a layer hands on no more than what `update` gives.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import pad

Pair = tuple[Tensor, Tensor]  # keys and values
GROWTH = 32  # new tokens that a padded cache makes room for at once
LEAST_SAVED, SHARE_SAVED = 2**26, 0.1
"""Rows of other lengths attend in a call of their own if that saves so many bytes of padding, and this share of all: in
the time in which a card reads them, a call's kernels are launched."""
_cache: ContextVar["Cache | None"] = ContextVar("cache", default=None)


def running_cache() -> "Cache | None":
    """The cache inside whose `running` this is asked."""
    return _cache.get()


class Cache:
    """What attention asks of a cache that is running.

    Attributes:
        shared: keys and values that come before those of every row.
        blocks: all keys and values, where rows have nothing in common.
        read: how many queries at the end are answered; None: all.
    """

    shared: Pair | None = None
    blocks: "Sequence[Block]" = ()
    read: int | None = None

    @contextmanager
    def running(self, read: int | None = None) -> Iterator[None]:
        """Attention inside sees the shared prefix, and answers the last `read` queries alone (None: all)."""
        self.read = read
        token = _cache.set(self)
        try:
            yield
        finally:
            _cache.reset(token)


class PrefixCache(Cache):
    """Keys and values of one layer: a prefix shared by all rows (stored once), and each row's own tokens.

    Args:
        shared: keys and values of the prefix, each (key/value heads, tokens, head width); None for no prefix.
        own: the rows' own, each (rows, key/value heads, tokens, head width); None for none yet.
    """

    def __init__(self, shared: Pair | None = None, own: Pair | None = None) -> None:
        self.shared, self.own = shared, own

    @property
    def tokens(self) -> int:
        """How many a row sees."""
        return sum(pair[0].shape[-2] for pair in (self.shared, self.own) if pair is not None)

    @torch.compiler.disable
    def update(self, keys: Tensor, values: Tensor, *_: object, **__: object) -> Pair:
        """Append (rows, heads, tokens, width) to the rows' own tokens and give these; attention adds the prefix."""
        keys = keys.to(values.dtype)
        if self.own is not None:
            keys, values = torch.cat([self.own[0], keys], dim=2), torch.cat([self.own[1], values], dim=2)
        self.own = keys, values
        return self.own

    def of_rows(self, rows: Tensor) -> "PrefixCache":
        """The cache of some rows alone (indices on its device); the shared prefix stays shared."""
        if self.own is None:
            return PrefixCache(self.shared)
        return PrefixCache(self.shared, (self.own[0][rows], self.own[1][rows]))

    def without(self, count: int) -> "PrefixCache":
        """The cache before its last `count` tokens, which are the rows' own where these have any."""
        if self.own is None:
            assert self.shared is not None
            return PrefixCache((self.shared[0][:, :-count], self.shared[1][:, :-count]))
        return PrefixCache(self.shared, (self.own[0][:, :, :-count], self.own[1][:, :, :-count]))

    def of_row(self, row: int) -> Pair:
        """What one row sees: keys and values, each (key/value heads, tokens, head width); a copy where the row has
        tokens of its own."""
        if self.own is None:
            assert self.shared is not None
            return self.shared
        own = self.own[0][row], self.own[1][row]
        parts = [own] if self.shared is None else [self.shared, own]
        keys, values = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
        return keys, values


class PaddedCache(Cache):
    """Keys and values of one layer for rows that have nothing in common, then one new token each at a time.

    Rows beside each other that are about as long make a block, padded to its longest.

    Args:
        rows: each row's keys and values, (key/value heads, tokens, head width).
        lengths: (rows,) their tokens, on the same device.
    """

    def __init__(self, rows: Sequence[Pair], lengths: Tensor) -> None:
        keys, values = rows[0]
        each = (keys[:, 0].numel() + values[:, 0].numel()) * values.element_size()
        parts = alike([keys.shape[1] for keys, _ in rows], LEAST_SAVED / each)
        self.blocks = [Block(part, rows[part], lengths[part]) for part in parts]

    @torch.compiler.disable
    def update(self, keys: Tensor, values: Tensor, *_: object, **__: object) -> Pair:
        """Append (rows, heads, 1, width) to the rows; attention reads the blocks, not what is returned."""
        for block in self.blocks:
            block.append(keys[block.rows], values[block.rows])
        return keys, values

    def leave(self, going: Sequence[int], staying: Tensor) -> None:
        """Only some rows are left: `going` and, on the cache's device, `staying`, in their order."""
        left = []
        for block in self.blocks:
            rows = slice(bisect_left(going, block.rows.start), bisect_left(going, block.rows.stop))
            if rows.stop > rows.start:
                block.leave(rows, staying[rows] - block.rows.start)
                left.append(block)
        self.blocks = left


class Block:
    """Keys and values of one layer for rows of a batch, padded to the longest of them.

    Args:
        rows: which of the batch; pairs, lengths: as for `PaddedCache`, of these rows.

    Attributes:
        keys, values: (rows, key/value heads, tokens and room for more, head width); used: how many tokens.
        mask: (rows, 1, 1, tokens and room), False where there is padding; None: there is none.
    """

    def __init__(self, rows: slice, pairs: Sequence[Pair], lengths: Tensor) -> None:
        tokens = [keys.shape[1] for keys, _ in pairs]
        self.rows, self.used = rows, max(tokens)
        self.keys, self.values = (_padded(parts, self.used + GROWTH) for parts in zip(*pairs, strict=True))
        self.mask: Tensor | None = None
        if min(tokens) < self.used:
            place = torch.arange(self.used + GROWTH, device=lengths.device)
            self.mask = ((place < lengths[:, None]) | (place >= self.used))[:, None, None]

    @property
    def pair(self) -> Pair:
        """(rows, key/value heads, tokens, head width) each."""
        return self.keys[:, :, : self.used], self.values[:, :, : self.used]

    @property
    def seen(self) -> Tensor | None:
        """Which keys each row sees, (rows, 1, 1, tokens); None: all."""
        return None if self.mask is None else self.mask[..., : self.used]

    def append(self, keys: Tensor, values: Tensor) -> None:
        """One more token of each row, (rows, key/value heads, 1, head width)."""
        if self.used == self.keys.shape[2]:
            room = (0, 0, 0, GROWTH)
            self.keys, self.values = pad(self.keys, room), pad(self.values, room)
            self.mask = None if self.mask is None else pad(self.mask, (0, GROWTH), value=True)
        self.keys[:, :, self.used], self.values[:, :, self.used] = keys[:, :, 0], values[:, :, 0]
        self.used += 1

    def leave(self, rows: slice, staying: Tensor) -> None:
        """Only its rows `staying` are left, which are now `rows` of the batch."""
        self.rows, self.keys, self.values = rows, self.keys[staying], self.values[staying]
        self.mask = None if self.mask is None else self.mask[staying]


def alike(lengths: Sequence[int], least: float) -> list[slice]:
    """Rows of these lengths cut into neighbours of like length, wherever a cut saves `least` tokens of padding or more,
    and SHARE_SAVED of all."""

    def cut(start: int, stop: int) -> list[slice]:
        longest = list(accumulate(lengths[start:stop], max))
        behind = list(accumulate(lengths[stop - 1 : start : -1], max))[::-1]
        rows = stop - start
        saved = [
            i * (longest[-1] - longest[i - 1]) + (rows - i) * (longest[-1] - behind[i - 1]) for i in range(1, rows)
        ]
        most = max(saved, default=0)
        if most < max(least, SHARE_SAVED * rows * longest[-1]):
            return [slice(start, stop)]
        middle = start + 1 + saved.index(most)
        return cut(start, middle) + cut(middle, stop)

    return cut(0, len(lengths))


def _padded(parts: Sequence[Tensor], length: int) -> Tensor:
    """(key/value heads, tokens, head width) of some rows → (rows, key/value heads, length, head width), 0 behind."""
    heads, _, width = parts[0].shape
    whole = parts[0].new_zeros(len(parts), heads, length, width)
    for row, part in zip(whole, parts, strict=True):
        row[:, : part.shape[1]] = part
    return whole
