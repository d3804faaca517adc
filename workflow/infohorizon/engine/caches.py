"""Keys and values of a layer, of rows that share a prefix; what attention asks of any cache.

transformers' layers take any object with an `update` method for a cache. Attention finds the one that is running here,
because a layer hands on no more than what `update` gives.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]  # keys and values
_cache: ContextVar["Cache | None"] = ContextVar("cache", default=None)


def running_cache() -> "Cache | None":
    """The cache inside whose `running` this is asked."""
    return _cache.get()


class Cache:
    """What attention asks of a cache that is running.

    Attributes:
        shared: keys and values that come before those of every row.
        read: how many queries at the end are answered; None: all.
    """

    shared: Pair | None = None
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
