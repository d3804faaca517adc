"""Which windows of visual tokens are measured."""

from collections.abc import Sequence
from typing import Literal

import torch

from infohorizon.models.grid import windows
from infohorizon.seeding import seed_of

__all__ = ["drawn", "windows"]


def drawn(count: int, number: int | Literal["all"], question_id: str) -> Sequence[int]:
    """Which of `count` windows to measure for a question, ascending: fewer are a subset of more."""
    if number == "all" or number >= count:
        return range(count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed_of(question_id, "windows")))
    return sorted(order[:number].tolist())
