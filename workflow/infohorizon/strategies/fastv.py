"""FastV: what the last prompt token looks at."""

from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, View


class FastV(ScoreStrategy):
    """Keeps the tokens that the last prompt token attends to most in the layer before (paper: layer 2)."""

    name = "fastv"
    paper = "Chen et al., An Image is Worth 1/2 Tokens After Layer 2 (FastV), 2024, arXiv 2403.06764"
    needs = "attention of the last prompt token in layer − 1"
    published = "layer 2"
    licence = "none"
    golden = True
    first_layer = 1
    reads = "layer"

    def score(self, view: View, keep: int) -> Tensor:
        return view.attention(view.last_row())[:, 0].mean(dim=0)
