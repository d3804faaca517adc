"""PyramidDrop: what the last prompt token is about to look at."""

from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, View


class PyramidDrop(ScoreStrategy):
    """Keeps the tokens that the last prompt token attends to most in the layer they are about to enter.

    One stage of the paper's pyramid, which keeps 1/2, 1/4 and 1/8 of the tokens at 1/4, 2/4 and 3/4 of the depth with
    renumbered positions: a schedule of three stages, see `schedules:` in config.yaml.
    """

    name = "pyramiddrop"
    paper = "Xing et al., PyramidDrop, 2024, arXiv 2410.17247"
    needs = "attention of the last prompt token in this layer"
    published = "layers 8, 16 and 24 of 32"
    licence = "MIT"
    golden = True
    differs = "a fraction becomes a number of tokens by rounding half up, theirs is truncated"
    reads = "layer"

    def score(self, view: View, keep: int) -> Tensor:
        return view.attention(view.last_row(), ahead=True)[:, 0].mean(dim=0)
