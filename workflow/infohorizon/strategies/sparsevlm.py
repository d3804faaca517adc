"""SparseVLM: the text tokens that rate the image decide."""

import torch
from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, Selection, View


class SparseVLM(ScoreStrategy):
    """Keeps the tokens that the visually relevant text tokens attend to most in the layer before.

    One stage of the paper's schedule (after layers 2, 6 and 15, see `schedules:` in config.yaml); dropped tokens are
    not merged back, as in the authors' second version. At least one token leaves, unless there is only one. Where no
    text token stands out (one token, or all alike) all of them rate; the original would average over none.
    """

    name = "sparsevlm"
    paper = "Zhang et al., SparseVLM, 2024, arXiv 2410.04417"
    needs = "input embeddings; attention of the rating text tokens in layer − 1"
    published = "layers 3, 7 and 16 of 32"
    licence = "Apache-2.0"
    golden = True
    differs = "dropped tokens are not merged back (as in the authors' second version)"
    first_layer = 1
    reads = "layer"

    def raters(self, view: View) -> Tensor:
        """Text tokens whose share of the visual tokens' softmax similarity is above the average."""
        similarity = view.embeddings("visual") @ view.embeddings("text").T
        relevance = similarity.softmax(dim=1).mean(dim=0)
        raters = (relevance > relevance.mean()).nonzero().flatten()
        return raters if len(raters) else torch.arange(view.text_count, device=raters.device)

    def score(self, view: View, keep: int) -> Tensor:
        return view.attention(view.noted(("sparsevlm",), lambda: self.raters(view))).mean(dim=(0, 1))

    def select(self, view: View, keep: int) -> Selection:
        return super().select(view, min(keep, max(view.count - 1, 1)))
