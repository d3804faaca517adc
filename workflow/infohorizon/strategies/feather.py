"""FEATHER: attention without its preference for places, and a grid besides."""

from typing import Any

import torch
from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, Selection, View


class Feather(ScoreStrategy):
    """Keeps the tokens that the last prompt token would attend to most in the layer before without rotary embedding.

    Attention runs over the visual tokens alone, mean over heads. The rotary embedding makes the last token look at the
    bottom of the image, whatever is there; without it only content counts. The paper's first stage keeps a uniform grid
    besides; its second, deeper one does not: a schedule of two, see `schedules:` in config.yaml.

    Args:
        stride: tokens whose row and column in the image are multiples of it stay besides `keep` others (the paper's
            first stage: 3), so that more than `keep` tokens stay. 0: no grid.
    """

    name = "feather"
    paper = "Endo et al., Feather the Throttle … (FEATHER), ICCV 2025, arXiv 2412.13180"
    needs = "queries and keys of layer − 1 before the rotary embedding"
    published = "layers 8 and 16 of 32"
    licence = "MIT"
    golden = True
    differs = "also takes grids that are not square; a fraction is rounded half up, theirs is truncated"
    first_layer = 1
    reads = "layer"

    def __init__(self, stride: int = 0, **options: Any) -> None:
        super().__init__(**options)
        if type(stride) is not int or stride < 0:
            raise ValueError(f"stride is {stride!r}; give a distance in tokens, a whole number from 1 on, or 0")
        self.stride = stride

    def score(self, view: View, keep: int) -> Tensor:
        attention = view.attention(view.last_row(), rotary=False)[:, 0]
        among = attention.sum(dim=1, keepdim=True).clamp_min(torch.finfo(attention.dtype).tiny)
        return (attention / among).mean(dim=0)

    def select(self, view: View, keep: int) -> Selection:
        kept = super().select(view, keep).kept
        if not self.stride:
            return Selection(kept)
        grid = (view.places() % self.stride == 0).all(dim=1).nonzero().flatten()
        return Selection(torch.cat([kept.cpu(), grid]).unique())
