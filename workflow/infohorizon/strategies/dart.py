"""DART: few pivots, and what resembles them least."""

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
        visual, text = view.noted(("dart", view.layer), lambda: self.pivots(view))
        visual = visual[:keep]
        share = (keep - len(visual)) // (len(visual) + len(text))

        # A row per token of visual | text: the rows of the pivots are compared with the visual tokens.
        hidden = normalize(torch.cat([view.normed_hidden("visual"), view.normed_hidden("text")]), dim=1)
        kept = torch.zeros(view.count, dtype=torch.bool, device=hidden.device)
        for pivot in visual:
            kept[pivot] = True
        order = visiting_order(visual, [view.count + index for index in text], view.visual_start)
        for pivot in order:
            similarity = (hidden[: view.count] @ hidden[pivot]).masked_fill(kept, torch.inf)
            kept.index_fill_(0, similarity.sort(stable=True).indices[:share], True)
        return Selection(members(kept, len(visual) + share * len(order)))

    def pivots(self, view: View) -> tuple[list[int], list[int]]:
        """The visual and the text tokens with the largest keys, descending; read back from the device at once."""
        visual, text = (largest(view.keys(section)) for section in ("visual", "text"))
        found = torch.cat([visual, text]).tolist()
        return found[: len(visual)], found[len(visual) :]


def largest(keys: Tensor) -> Tensor:
    """The tokens with the largest L1 norm over all heads, descending, at most PIVOTS."""
    return keys.abs().sum(dim=(0, 2)).sort(descending=True, stable=True).indices[:PIVOTS]


def visiting_order(visual: list[int], text: list[int], start: int) -> list[int]:
    """The authors' order, which changes the result: CPython's iteration order of a set of absolute positions."""
    return [position - start for position in {start + index for index in [*visual, *text]}]
