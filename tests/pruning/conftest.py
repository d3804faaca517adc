"""Every architecture as a random checkpoint, with questions about images of several sizes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText

from checkpoints import WRITERS
from infohorizon import models
from pruning.batches import Asking, pictures

QUESTIONS = ["what is it?", "how many?", "which colour does the left one have?", "is it so?", "name the shape"]
SIZES = {
    "llava": [(40, 40)] * 5,
    "qwen2_5_vl": [(140, 196), (84, 84), (196, 112), (56, 168), (112, 112)],
    "qwen2_vl": [(140, 196), (84, 84)],
    "qwen3_vl": [(128, 192), (96, 96)],
    "internvl": [(80, 80)] * 2,
}


def asking_of(kind: str, folder: Path, **how: Any) -> Asking:
    WRITERS[kind](folder)
    plain = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, **how).eval()
    questions = list(zip(QUESTIONS, pictures(SIZES[kind]), strict=False))
    return Asking(models.load(str(folder)), plain, questions)


@pytest.fixture(scope="session", params=list(SIZES))
def any_asking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Asking:
    return asking_of(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session", params=["llava", "qwen2_5_vl"])
def asking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Asking:
    """The plain model computes its attention with SDPA."""
    return asking_of(request.param, tmp_path_factory.mktemp(request.param))
