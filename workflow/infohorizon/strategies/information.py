"""Pruning by measured token information: an oracle, not a method."""

from typing import Any, get_args

from torch import Tensor

from infohorizon.strategies.base import Measure, ScoreStrategy, View


class Information(ScoreStrategy):
    """Keeps the tokens of the windows with the most information about the label: an oracle, it uses the label.

    Args:
        by: information about the `first token` of the label (the paper's), or about the `whole answer`. Where answers
            are longer than a token, the first is no upper reference: what spells its beginning need not spell the rest.
    """

    name = "information"
    paper = "Wang et al., All You Need Are Random Visual Tokens?, 2025, arXiv 2512.07580"
    needs = "the information table (label)"

    def __init__(self, by: Measure = "first token", **options: Any) -> None:
        super().__init__(**options)
        if by not in get_args(Measure):
            raise ValueError(f"by is '{by}'; it must be {' or '.join(get_args(Measure))}")
        self.by = by

    def score(self, view: View, keep: int) -> Tensor:
        return view.information(self.by)
