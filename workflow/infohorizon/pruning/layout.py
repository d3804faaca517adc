"""Which tokens each row of a batch has at a layer, and what attention has to know of it.

A row is padding | prefix | visual | suffix: rows end together, and shorter ones are padded in front. B rows, n tokens
with the padding, S of a row without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Row:
    """The tokens of one row.

    Attributes:
        before, after: tokens before and after the image; all are `before` in a row without one.
        present: (N,) which visual tokens of the image's grid are there.
    """

    before: int
    present: Tensor
    after: int

    @property
    def length(self) -> int:
        """S."""
        return self.before + len(self.present) + self.after


@dataclass(frozen=True)
class Layout:
    """The rows of a batch, padded in front to `width` tokens (n)."""

    rows: Sequence[Row]
    width: int

    def padding(self, row: int) -> int:
        """How many tokens of a row are padding."""
        return self.width - self.rows[row].length

    def without(self, kept: Sequence[Tensor]) -> tuple["Layout", Tensor]:
        """What is left once only `kept` (indices into a row's visual tokens, ascending) stay of each row.

        Returns: the layout, and (B, n) where each of its tokens was before; padding is any token.
        """
        rows = [replace(row, present=row.present[own]) for row, own in zip(self.rows, kept, strict=True)]
        left = Layout(rows, max(row.length for row in rows))
        places = torch.zeros(len(rows), left.width, dtype=torch.long)
        for number, own in enumerate(kept):
            row, start = self.rows[number], self.padding(number)
            visual, end = start + row.before, self.width - row.after
            tokens = [torch.arange(start, visual), visual + own, torch.arange(end, self.width)]
            places[number, left.padding(number) :] = torch.cat(tokens)
        return left, places

    def real(self, generated: int, device: torch.device) -> Tensor | None:
        """Which tokens of the rows and of what was generated are no padding, (B, n + generated); None if all."""
        padding = [self.padding(row) for row in range(len(self.rows))]
        if not any(padding):
            return None
        return torch.arange(self.width + generated, device=device) >= torch.tensor(padding, device=device)[:, None]

    def numbered(self, device: torch.device) -> Tensor:
        """Contiguous position ids of the tokens, (B, n): a row's own count from 0."""
        padding = torch.tensor([self.padding(row) for row in range(len(self.rows))], device=device)
        return (torch.arange(self.width, device=device) - padding[:, None]).clamp(min=0)

    def next_numbers(self, generated: int, device: torch.device) -> Tensor:
        """Contiguous position ids of the token after `generated` ones, (B, 1)."""
        return torch.tensor([[row.length + generated] for row in self.rows], device=device)


def mask_of(real: Tensor | None, queries: int, keys: int, kind: str, dtype: torch.dtype) -> Tensor | None:
    """What a decoder layer takes as `attention_mask`, where the queries belong to the last of the keys.

    Padding sees the padding before it, so that no row of the softmax is empty.

    Args:
        real: (B, keys) which keys are no padding; None if all.
        kind: transformers' name of the attention.
        dtype: of what eager attention adds to its scores.
    Returns: None where the attention's own causality says it all; else (B, keys) for flash attention, (B or 1, 1,
        queries, keys) booleans for SDPA, numbers for eager.
    """
    if kind.startswith("flash") or (real is None and kind != "eager"):
        return real
    device = None if real is None else real.device
    allowed = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)[None]
    if real is not None:
        allowed = allowed & (real[:, None, :] | ~real[:, -queries:, None])
    if kind != "eager":
        return allowed[:, None]
    return torch.zeros(allowed.shape, dtype=dtype, device=device).masked_fill(~allowed, torch.finfo(dtype).min)[:, None]
