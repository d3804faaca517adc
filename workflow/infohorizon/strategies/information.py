"""Pruning by measured token information: an oracle, not a method."""

from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, View


class Information(ScoreStrategy):
    """Keeps the tokens of the windows with the most information about the label: an oracle, it uses the label."""

    name = "information"
    paper = "Wang et al., All You Need Are Random Visual Tokens?, 2025, arXiv 2512.07580"
    needs = "the information table (label)"

    def score(self, view: View, keep: int) -> Tensor:
        return view.information()
