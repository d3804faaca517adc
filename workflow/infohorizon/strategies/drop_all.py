"""Dropping every visual token at once."""

import torch

from infohorizon.strategies.base import Selection, Strategy, View


class DropAll(Strategy):
    """Drops every visual token; the text tokens continue with what they have gathered."""

    name = "drop-all"
    paper = "Lin et al., Boosting Multimodal LLMs with Visual Tokens Withdrawal (VTW), 2024, arXiv 2405.05803"
    needs = "nothing"
    published = "a middle layer"
    licence = "none"
    keeps_none = True

    def select(self, view: View, keep: int = 0) -> Selection:
        return Selection(torch.empty(0, dtype=torch.long))
