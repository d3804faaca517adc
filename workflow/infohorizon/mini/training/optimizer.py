"""The optimizer, its schedule and the checkpoint that both trainings share."""

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

WARM_UP = 40  # steps
DECAY = 0.3  # the last part of the steps, over which the rate falls linearly to 0


def rate_factor(step: int, steps: int) -> float:
    """Warm-up, constant, then linear to 0: the factor on the learning rate at a step."""
    return min((step + 1) / WARM_UP, 1.0, (steps - step) / (DECAY * steps))


class Optimizer:
    """AdamW with clipping, for `steps` steps from step `first` on: counts, so that nothing depends on the clock."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, steps: int, first: int = 0) -> None:
        self.parameters = list(parameters)
        self.rate, self.steps, self.first = rate, steps, first
        self.adam = torch.optim.AdamW(self.parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)

    def step(self, loss: torch.Tensor, step: int) -> None:
        """One update; gradients are zero before and after."""
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.adam.param_groups:
            group["lr"] = self.rate * rate_factor(step - self.first, self.steps)
        self.adam.step()
        self.adam.zero_grad()


def save_checkpoint(path: Path, recipe: Any, **state: Any) -> None:
    """Write tensors, plain values and the recipe (a dataclass); a kill while writing leaves the old checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"recipe": asdict(recipe), **state}, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def load_checkpoint(path: Path, recipe: Any) -> dict[str, Any] | None:
    """What `save_checkpoint` wrote with this recipe, or None, because another recipe starts again.

    Only tensors and plain values are read.
    """
    state = torch.load(path, weights_only=True) if path.exists() else None
    return state if state and state["recipe"] == asdict(recipe) else None
