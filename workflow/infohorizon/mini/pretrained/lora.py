"""LoRA (Hu et al., arXiv 2106.09685): training adds to a frozen linear layer the product of two thin matrices."""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class LowRank(nn.Module):
    """y = W x + up (down x): `base` (W) is frozen; `up` starts at zero, so nothing changes before the first step.

    The thin matrices are float32 whatever W is: steps of an optimizer are lost in 16 bits.
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + linear(linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))


def adapt(decoder: nn.Module, rank: int) -> None:
    """Put `LowRank` in the place of every linear layer of a decoder."""
    for module in list(decoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, LowRank(child, rank))


@torch.no_grad()
def merge(weights: dict[str, Tensor], thin: dict[str, Tensor]) -> dict[str, Tensor]:
    """A model's `weights` with the products of `thin` (NAME.down, NAME.up) added to their NAME.weight, float32."""
    merged = dict(weights)
    for name in (key.removesuffix(".down") for key in thin if key.endswith(".down")):
        merged[f"{name}.weight"] = weights[f"{name}.weight"] + thin[f"{name}.up"].float() @ thin[f"{name}.down"].float()
    return merged
