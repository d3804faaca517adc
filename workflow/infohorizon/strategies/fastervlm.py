"""FasterVLM: what the vision tower looks at."""

from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, View


class FasterVLM(ScoreStrategy):
    """Keeps the tokens that the vision tower's CLS token attends to most (paper: before the decoder)."""

    name = "fastervlm"
    paper = "Zhang et al., [CLS] Attention is All You Need … (FasterVLM), 2024, arXiv 2412.01818v1"
    needs = "vision-tower saliency"
    once = True
    published = "before the decoder"
    licence = "Apache-2.0"
    golden = True

    def score(self, view: View, keep: int) -> Tensor:
        return view.saliency()
