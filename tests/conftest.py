"""Shared fixtures: the paper's two architectures as random checkpoints; the tables of a made-up study."""

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

from cases import Case, make_case  # noqa: E402


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
