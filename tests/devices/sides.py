"""The same model, image and question on the accelerator and on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image

from checkpoints import WRITERS
from devices.accelerator import NAME
from infohorizon import models, strategies
from infohorizon.engine import Batch
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.models.base import Encoded

SETTINGS: dict[str, Any] = {
    "divprune-faithful": {"strategy": "divprune", "faithful": True},
    "cdpruner-contrib": {
        "strategy": "cdpruner", "relevance": "each-embedding", "kernel": "exponential", "similarity": "features",
        "split": False,
    },
    "scope-add": {"strategy": "scope", "combine": "add"},
    "vscan-equal": {"strategy": "vscan", "local": "equal"},
    "feather-grid": {"strategy": "feather", "stride": 2},
    "read-elsewhere": {"strategy": "divprune", "read": 0},
    "stratified": {"strategy": "random", "block": 2},
    "random-as-dart": {"strategy": "random", "match": "dart", "block": 2},
}  # fmt: skip
"""Beside the registry's strategies: options that take another road."""

NAMES = [*(name for name in strategies.REGISTRY if name != "kept"), "own", *SETTINGS]
"""Of all strategies; `own` is `kept`, with a file."""

LAYERS = 4
SIZES = {"llava": (40, 40), "qwen2_5_vl": (140, 84)}
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
"""Of probabilities and states: bfloat16 resolves 2⁻⁸ of a value."""


class Side:
    """One side: `asked` holds the image as it was encoded on the CPU, as the vision table hands it to every stage."""

    def __init__(self, folder: Path, dtype: str, device: str, image: Image.Image, encoded: Encoded | None) -> None:
        self.model = models.load(str(folder), {"dtype": dtype, "device": device})
        self.image, self.folder, self.dtype = image, folder, dtype
        if encoded is None:
            found = self.model.encode([image])[0]
            parts = {name: value.float() for name, value in vars(found).items() if isinstance(value, torch.Tensor)}
            encoded = Encoded(found.grid, **parts)
        self.count = len(encoded.features)
        self.asked = Asked("q1", "what is it?", "no", encoded, self._information)
        self.questioner = Questioner(self.model, Batch(512, 1, self.model.device), 3)
        self.trace = self.questioner.trace(self.asked)

    def _information(self, layer: int, by: str) -> torch.Tensor:
        return torch.rand(self.count, generator=torch.Generator().manual_seed(layer))

    def strategies(self, names: list[str] = NAMES) -> dict[str, Any]:
        """The strategies of some names."""
        file = self.folder / "kept.parquet"
        if not file.exists():
            pl.DataFrame({"question_id": ["q1"], "kept": [[0, 3, 5, 7]]}).write_parquet(file)
        known = {**SETTINGS, "own": {"strategy": "kept", "file": str(file)}}
        return {name: strategies.create(name, known) for name in names}


def sides_of(kind: str, dtype: str, folder: Path) -> tuple[Side, Side]:
    """On the accelerator, and on the CPU."""
    WRITERS[kind](folder, layers=LAYERS)
    width, height = SIZES[kind]
    image = Image.fromarray(np.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=np.uint8))
    there = Side(folder, dtype, "cpu", image, None)
    return Side(folder, dtype, NAME, image, there.asked.encoded), there


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether results are equal, numbers within a tolerance."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], tolerance) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    return abs(one - other) <= tolerance if isinstance(one, float) and isinstance(other, float) else one == other
