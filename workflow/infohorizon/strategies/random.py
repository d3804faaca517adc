"""Random choice: the baseline every other strategy has to beat."""

import torch
from torch import Tensor

from infohorizon.strategies.base import Selection, Strategy, View


class Random(Strategy):
    """Keeps a uniform sample without replacement; the draw depends on seed, question, layer, keep and repeat alone.

    Options, for configured variants:
        match: name of a strategy; as many tokens stay as that one really keeps (DART keeps 4 + 8k, not `keep`).
        block: side b of square blocks of the token grid. Without `match` the sample is stratified (`stratified` in
            config.yaml): each block keeps its share. With it, coverage is matched: the numbers that the strategy keeps
            in each block are dealt out to the blocks again, so that the sample clusters as the strategy's does,
            elsewhere.
        repeats: at most so many, where the configured number costs too much.
    """

    name = "random"
    paper = "baseline"
    needs = "nothing"
    random = True

    def __init__(self, match: Strategy | None = None, block: int = 0, repeats: int | None = None) -> None:
        if type(block) is not int or block < 0:
            raise ValueError(f"block is {block!r}; give the side of a block in tokens, a whole number from 1 on")
        if repeats is not None and (type(repeats) is not int or repeats < 1):
            raise ValueError(f"repeats is {repeats!r}; give a whole number from 1 on")
        self.match, self.block, self.repeats = match, block, repeats
        self.sizes_itself = match is not None and match.sizes_itself  # it may keep fewer tokens than a keep above N

    def select(self, view: View, keep: int) -> Selection:
        generator = view.generator(keep)
        order = torch.randperm(view.count, generator=generator)
        matched = None if self.match is None else self.match.choose(view, keep).kept.cpu()
        if not self.block:
            return Selection(order[: keep if matched is None else len(matched)].sort().values)
        places = view.places() // self.block
        blocks = torch.unique(places, dim=0, return_inverse=True)[1]  # (N,)
        sizes = torch.bincount(blocks)
        if matched is None:
            counts = shares(sizes, keep, generator)
        else:
            counts = dealt(sizes, torch.bincount(blocks[matched], minlength=len(sizes)), generator)
        kept = [order[blocks[order] == block][:count] for block, count in enumerate(counts.tolist())]
        return Selection(torch.cat(kept).sort().values)


def shares(sizes: Tensor, keep: int, generator: torch.Generator) -> Tensor:
    """`keep` tokens over blocks in proportion to their sizes (B,); what is left over goes to blocks at random."""
    exact = sizes * min(keep, int(sizes.sum())) / sizes.sum()
    counts = exact.floor().long()
    left = min(keep, int(sizes.sum())) - int(counts.sum())
    fractions = exact - counts + 1e-3 * torch.rand(len(sizes), generator=generator)  # random among equal remainders
    counts[fractions.sort(descending=True).indices[:left]] += 1
    return counts


def dealt(sizes: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
    """The counts (B,) dealt out again at random among blocks of equal size."""
    dealt = counts.clone()
    for size in sizes.unique():
        members = (sizes == size).nonzero().flatten()
        dealt[members] = counts[members[torch.randperm(len(members), generator=generator)]]
    return dealt
