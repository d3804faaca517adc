"""The golden cases: inputs of the authors' own selection functions, and what these returned for them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from array_view import ArrayView
from safetensors import safe_open

from infohorizon.strategies import create
from infohorizon.strategies.base import Selection

GOLDEN_DIR = Path(os.environ.get("GOLDEN_DIR") or Path(__file__).parents[1] / "data" / "golden")


def cases(name: str) -> Iterator[tuple[dict, dict[str, torch.Tensor]]]:
    """Description and tensors of every case in a golden file."""
    with safe_open(GOLDEN_DIR / f"{name}.safetensors", "pt") as file:
        described = json.loads(file.metadata()["cases"])
        assert described
        for case in described:
            prefix = f"case{case['case']}."
            names = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118 (no dict)
            yield case, {key.removeprefix(prefix): file.get_tensor(key) for key in names}


def view(case: dict, **tensors) -> ArrayView:
    return ArrayView(case["visual_count"], case["text_count"], case["visual_start"], **tensors)


def select(name: str, shown: ArrayView, keep: int, **options) -> Selection:
    return create("golden", {"golden": {"strategy": name, **options}}).select(shown, keep)


def assert_kept(name: str, shown: ArrayView, case: dict, tensors: dict[str, torch.Tensor], **options) -> None:
    kept = select(name, shown, case["keep"], **options).kept
    assert kept.tolist() == sorted(tensors["kept"].tolist()), f"{name}, case {case['case']}"
