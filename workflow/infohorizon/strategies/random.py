"""Uniform random choice: the baseline every other strategy has to beat."""

import torch

from infohorizon.strategies.base import Selection, Strategy, View


class Random(Strategy):
    """Keeps a uniform sample without replacement; the draw depends on seed, question, layer, keep and repeat alone."""

    name = "random"
    paper = "baseline"
    needs = "nothing"
    random = True

    def select(self, view: View, keep: int) -> Selection:
        order = torch.randperm(view.count, generator=view.generator(keep))
        return Selection(order[:keep].sort().values)
