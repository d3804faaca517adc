"""DART: few pivots, and what resembles them least."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from infohorizon.strategies.base import Selection, Strategy, View, members

PIVOTS = 4


class DART(Strategy):
    """Keeps 4 visual pivots, and for each visual and text pivot an equal number of tokens that resemble it least.

    Pivots are the 4 visual and 4 text tokens with the largest keys (L1 norm) in the layer before. Each of the 8 takes
    k = (keep − 4) // 8 of the tokens still available (paper: layer 2), so 4 + 8k ≤ keep tokens stay; below 12 these are
    the visual pivots alone, at most `keep`. With fewer than 4 text tokens there are as many text pivots as text tokens.
    """

    name = "dart"
    paper = "Wen et al., Stop Looking for Important Tokens … Duplication Matters More (DART), 2025, arXiv 2502.11494"
    needs = "keys of layer − 1; hidden states entering the layer after the final norm"
    published = "layer 2"
    licence = "Apache-2.0"
    golden = True
    first_layer = 1
    reads = "output"

    def select(self, view: View, keep: int) -> Selection:
        if keep >= view.count:
            return Selection(torch.arange(view.count))
        if ("dart", keep, view.layer) not in view.notes:
            views = view.together(self.first_layer)
            layers = tuple(other.layer for other in views)
            visual, similarity = view.noted(("dart", layers), lambda: compared(views))
            kept = chosen(visual, similarity, keep)
            view.notes |= {("dart", keep, layer): row for layer, row in zip(layers, kept, strict=True)}
        return Selection(view.notes["dart", keep, view.layer])


def compared(views: Sequence[View]) -> tuple[Tensor, Tensor]:
    """The visual pivots of L layers (L, 4), and how similar each pivot is to the visual tokens (L, 8, N), in the order
    in which pivots take their tokens. Pivots are read back from the device at once."""
    found = torch.stack([torch.cat([largest(view.keys("visual")), largest(view.keys("text"))]) for view in views])
    count, start = views[0].count, views[0].visual_start
    visual = found[:, : min(PIVOTS, count)]
    found[:, visual.shape[1] :] += count  # a row per token of visual | text
    similarity = []
    for view, pivots in zip(views, found.tolist(), strict=True):
        hidden = normalize(torch.cat([view.normed_hidden("visual"), view.normed_hidden("text")]), dim=1)
        order = torch.stack([hidden[pivot] for pivot in visiting_order(pivots, start)])  # no index goes to the device
        similarity.append(order @ hidden[:count].T)
    return visual, torch.stack(similarity)


def chosen(visual: Tensor, similarity: Tensor, keep: int) -> Tensor:
    """(L, 4 + 8k) what stays at each layer: the visual pivots, and k tokens for each pivot."""
    visual = visual[:, :keep]
    layers, pivots, count = similarity.shape
    share = (keep - visual.shape[1]) // pivots
    kept = torch.zeros(layers, count, dtype=torch.bool, device=visual.device).scatter_(1, visual, True)
    for row in similarity.unbind(dim=1):
        taken = row.masked_fill(kept, torch.inf).sort(stable=True).indices[:, :share]
        kept.scatter_(1, taken, True)
    return members(kept, visual.shape[1] + share * pivots)


def largest(keys: Tensor) -> Tensor:
    """The tokens with the largest L1 norm over all heads, descending, at most PIVOTS."""
    return keys.abs().sum(dim=(0, 2)).sort(descending=True, stable=True).indices[:PIVOTS]


def visiting_order(pivots: list[int], start: int) -> list[int]:
    """The authors' order, which changes the result: CPython's iteration order of a set of absolute positions."""
    return [position - start for position in {start + index for index in pivots}]
