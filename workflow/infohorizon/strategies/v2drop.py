"""V2Drop: tokens that a layer hardly changes leave."""

from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, View


class V2Drop(ScoreStrategy):
    """Keeps the tokens to whose hidden states the layer before added most (L2 norm of the difference).

    One stage of the paper's schedule, see `schedules:` in config.yaml.
    """

    name = "v2drop"
    paper = "Chen et al., Variation-aware Vision Token Dropping … (V2Drop), CVPR 2026, arXiv 2509.01552"
    needs = "hidden states entering the layer and the one before"
    published = "layers 3, 17 and 22 of 32; 3, 16 and 22 of 28 (Qwen2-VL)"
    licence = "Apache-2.0"
    golden = True
    differs = "a fraction becomes a number of tokens by rounding half up, theirs is truncated"
    first_layer = 1
    reads = "output"

    def score(self, view: View, keep: int) -> Tensor:
        return (view.hidden() - view.hidden(before=1)).norm(dim=1)
