"""Which token comes next."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Greedy:
    """The next token of every row: the likeliest, after transformers' repetition penalty where there is one.

    A token that occurs in the prompt or was generated before has its logit divided by the penalty where that is
    positive, multiplied where it is negative (Keskar et al., arXiv 1909.05858, as in transformers).

    Args:
        ids: the prompt's token ids; penalty: 1 for none.
        seen: (R, vocabulary), which tokens each row's prompt or answer has; None: what `ids` says of all rows.
    """

    def __init__(self, ids: Sequence[int] = (), penalty: float = 1.0, seen: Tensor | None = None) -> None:
        self.ids, self.penalty, self.seen = list(ids), penalty, seen

    def __call__(self, logits: Tensor) -> Tensor:
        """Logits (R, vocabulary) → (R,) token ids, which count as generated from now on."""
        if self.penalty == 1.0:
            return logits.argmax(dim=-1)
        if self.seen is None:
            self.seen = torch.zeros_like(logits, dtype=torch.bool)
            self.seen[:, self.ids] = True
        penalised = torch.where(logits < 0, logits * self.penalty, logits / self.penalty)
        token = torch.where(self.seen, penalised, logits).argmax(dim=-1)
        self.seen.scatter_(1, token[:, None], True)
        return token

    def leave(self, staying: Tensor) -> None:
        """Only the rows `staying` (indices) are asked from now on."""
        if self.seen is not None:
            self.seen = self.seen[staying]
