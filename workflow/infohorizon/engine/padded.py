"""Keys and values of a layer, of rows that have nothing in common."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import pad

from infohorizon.engine.caches import Cache, Pair

GROWTH = 32  # new tokens that a bucket makes room for at once
LEAST_SAVED, SHARE_SAVED = 2**26, 0.1
"""Rows of different lengths attend in separate calls if that saves at least this many bytes of padding, and this share
of the padded total: a GPU reads them in about the time in which a call's kernels are launched."""


class PaddedCache(Cache):
    """Keys and values of one layer for rows that have nothing in common, then one new token each at a time.

    Neighbouring rows of similar length share a bucket, which is padded to its longest.

    Args:
        rows: each row's keys and values, (key/value heads, tokens, head width).
        lengths: (rows,) their tokens, on the same device.
    """

    def __init__(self, rows: Sequence[Pair], lengths: Tensor) -> None:
        keys, values = rows[0]
        each = (keys[:, 0].numel() + values[:, 0].numel()) * values.element_size()
        parts = length_buckets([keys.shape[1] for keys, _ in rows], LEAST_SAVED / each)
        self.buckets = [Bucket(part, rows[part], lengths[part]) for part in parts]

    @torch.compiler.disable
    def update(self, keys: Tensor, values: Tensor, *_: object, **__: object) -> Pair:
        """Append (rows, heads, 1, width) to the rows; attention reads the buckets, not what is returned."""
        for bucket in self.buckets:
            bucket.append(keys[bucket.rows], values[bucket.rows])
        return keys, values

    def leave(self, going: Sequence[int], staying: Tensor) -> None:
        """Only some rows are left: `going` and, on the cache's device, `staying`, in their order."""
        left = []
        for bucket in self.buckets:
            rows = slice(bisect_left(going, bucket.rows.start), bisect_left(going, bucket.rows.stop))
            if rows.stop > rows.start:
                bucket.leave(rows, staying[rows] - bucket.rows.start)
                left.append(bucket)
        self.buckets = left


class Bucket:
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


def length_buckets(lengths: Sequence[int], least: float) -> list[slice]:
    """Neighbours of similar length: rows are split wherever that saves at least `least` tokens of padding, and the
    share SHARE_SAVED of all."""

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
