"""One architecture as a random checkpoint, loaded by the project and by the naive reference."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Case:
    """One architecture: the project's model, an encoded image, a question, and the naive reference for them."""

    model: Any
    encoded: Any
    question: str
    naive: Any
    folder: Path
    image: Any


def make_case(kind: str, folder: Path, dtype: str) -> Case:
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText

    from checkpoints import WRITERS
    from infohorizon import models
    from infohorizon.measure.reference import Naive

    if not (folder / "config.json").exists():
        WRITERS[kind](folder)
    model = models.load(str(folder), {"dtype": dtype})
    side = {"qwen2_vl": 28, "qwen2_5_vl": 28, "qwen3_vl": 32}.get(kind, 0)
    size = (5 * side, 7 * side) if side else (40, 40)
    pixels = np.random.default_rng(3).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    question = "what is it?"
    reference = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation="eager" if dtype == "float32" else "sdpa"
    )
    naive = Naive.of(model, reference.eval(), image, question)
    return Case(model, model.encode([image])[0], question, naive, folder, image)
