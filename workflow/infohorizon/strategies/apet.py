"""ApET: tokens that a few others cannot approximate."""

from typing import Any

import torch
from torch import Tensor

from infohorizon.strategies.base import Selection, Strategy, View, members, merged, top

RIDGE = 1e-5


class ApET(Strategy):
    """Keeps the tokens that a linear combination of a few spread-out ones approximates worst; the others merge.

    A basis of tokens is sampled, each the farthest from all before it; the first is drawn by seed, question, layer and
    keep (unseeded in the original). A token's error is the distance to its least-squares approximation by the basis;
    the `keep` largest stay. Of these, those with the smallest errors take the states of the basis, in reading order
    those of the first, the second, … sampled token; into each of the others merge the tokens that are most similar to
    it: the sum of their states over their number (paper: before the decoder and again in layer 16 of 32).

    States are vision features before the projector at layer 0, and the hidden states entering a later layer. (The
    authors' Qwen port gives the weakest tokens the mean of their own state and the basis'.) These states are merged as
    well, so there is no option `read`.

    Args:
        basis: number of tokens in the basis; at most keep − 1.
    """

    name = "apet"
    paper = "Ma et al., ApET: Approximation-Error Guided Token Compression …, CVPR 2026, arXiv 2602.19870"
    needs = "vision features (layer 0), hidden states entering the layer"
    published = "before the decoder, and layer 16 of 32"
    licence = "MIT"
    golden = True
    differs = "the first draw is seeded; the Qwen port averages the basis with the tokens whose places it takes"
    merges = True

    def __init__(self, basis: int = 10, **options: Any) -> None:
        super().__init__(**options)
        if type(basis) is not int or basis < 1:
            raise ValueError(f"basis is {basis!r}; it must be a whole number from 1")
        self.basis = basis

    def select(self, view: View, keep: int) -> Selection:
        if keep >= view.count:
            return Selection(torch.arange(view.count))
        tokens = view.features() if view.layer == 0 else view.hidden()
        first = int(torch.randint(view.count, (1,), generator=view.generator(keep)))
        basis = spread(tokens, first, min(self.basis, keep - 1))
        errors = residuals(tokens, tokens[basis])
        kept = top(errors, keep)
        ranked = kept[errors[kept].sort(descending=True, stable=True).indices]
        targets, weakest = (part.sort().values for part in ranked.split([keep - len(basis), len(basis)]))
        leaving = torch.ones(view.count, dtype=torch.bool, device=tokens.device).index_fill_(0, kept, False)
        states = merged(tokens, tokens, targets, members(leaving, view.count - keep))
        states[weakest] = tokens[basis]
        return Selection(kept, view.projected(states[kept]) if view.layer == 0 else states[kept])


def spread(tokens: Tensor, first: int, number: int) -> Tensor:
    """Farthest-point sampling in Euclidean distance: (number,) indices of tokens (N, d), `first` to begin with."""
    distance = tokens.new_full((len(tokens),), torch.inf)
    picks = [torch.full((1,), first, device=tokens.device)]
    for _ in range(1, number):
        last = tokens.index_select(0, picks[-1])
        distance = torch.minimum(distance, (tokens - last).square().sum(dim=1))
        picks.append(distance.argmax(keepdim=True))  # (1,): a number without dimensions would be read back as an index
    return torch.cat(picks)[:number]


def residuals(tokens: Tensor, basis: Tensor) -> Tensor:
    """Length of what the basis (b, d) leaves of each token (N, d) after a ridge regression, (N,)."""
    tokens, basis = tokens.double(), basis.double()  # like tokens in the basis make their products nearly singular
    gram = basis @ basis.T
    gram.diagonal().add_(RIDGE)
    coefficients = torch.linalg.solve_ex(gram, basis @ tokens.T).result  # (b, N)
    return (tokens - coefficients.T @ basis).norm(dim=1)
