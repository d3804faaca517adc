"""A tiny language model in a GGUF file, and a model around it."""

from pathlib import Path

import pytest
import tiny_gguf
from tiny_adapter import ADAPTER, TOWER
from transformers import CLIPVisionModel

from infohorizon.mini.pretrained import language_model
from infohorizon.mini.pretrained.language_model import LanguageModel
from infohorizon.mini.pretrained.training import new_adapter_training
from infohorizon.mini.training.decoder import Training
from infohorizon.mini.training.tower import new_tower


@pytest.fixture(scope="session")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    tiny_gguf.write(file)
    return file


@pytest.fixture(scope="session")
def read(gguf: Path) -> LanguageModel:
    return language_model.read(gguf)


@pytest.fixture(scope="session")
def tower() -> CLIPVisionModel:
    return new_tower(TOWER).eval()


@pytest.fixture
def training(tower: CLIPVisionModel, read: LanguageModel) -> Training:
    return new_adapter_training(ADAPTER, tower, read)
