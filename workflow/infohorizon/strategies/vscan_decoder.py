"""VScan's second stage, in the decoder of Qwen2.5-VL."""

from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, View


class VScanDecoder(ScoreStrategy):
    """Keeps the tokens that the last prompt token would attend to most in this layer without rotary embedding.

    As the authors run it on Qwen2.5-VL, after `vscan` before the decoder: a schedule of two. On LLaVA they keep the
    rotary embedding, and their rule is that of `pyramiddrop`.
    """

    name = "vscan-decoder"
    paper = "Zhang et al., VScan: Rethinking Visual Token Reduction …, TMLR 2026, arXiv 2505.22654"
    needs = "queries and keys of this layer before the rotary embedding"
    published = "layer 14 of 28 (Qwen2.5-VL)"
    licence = "MIT"
    golden = True
    differs = "a fraction becomes a number of tokens by rounding half up, theirs is truncated"
    reads = "layer"

    def score(self, view: View, keep: int) -> Tensor:
        return view.attention(view.last_row(), ahead=True, rotary=False)[:, 0].mean(dim=0)
