"""Information Horizon: where in a vision-language model visual tokens stop mattering."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """`prune`, which loads torch, once it is asked for."""
    if name == "prune":
        return import_module("infohorizon.pruning").prune
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
