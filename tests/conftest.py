"""Shared fixtures: the two architectures as random checkpoints, loaded by the project and by the naive reference; the
tables of a made-up study."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]


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

    from checkpoints import write_llava, write_qwen
    from infohorizon import models
    from infohorizon.measure.reference import Naive

    write = {"llava": write_llava, "qwen2_5_vl": write_qwen}[kind]
    if not (folder / "config.json").exists():
        write(folder)
    model = models.load(str(folder), {"dtype": dtype})
    size = (40, 40) if kind == "llava" else (28 * 5, 28 * 7)
    pixels = np.random.default_rng(3).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    question = "what is it?"
    reference = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation="eager" if dtype == "float32" else "sdpa"
    )
    naive = Naive.of(model, reference.eval(), image, question)
    return Case(model, model.encode([image])[0], question, naive, folder, image)


@pytest.fixture(scope="session", params=["llava", "qwen2_5_vl"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """fp32 case of each architecture."""
    return make_case(request.param, tmp_path_factory.mktemp(request.param), "float32")


@pytest.fixture(scope="session", params=["llava", "qwen2_5_vl"])
def case64(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """fp64 case of each architecture."""
    return make_case(request.param, tmp_path_factory.mktemp(request.param), "float64")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of the hub are made again at once."""
    from tenacity import wait_none

    from infohorizon import transient

    monkeypatch.setattr(transient, "WAIT", wait_none())


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The made-up study of figures/synthetic.py, written once."""
    from figures import synthetic

    return synthetic.make(tmp_path_factory.mktemp("study"))
