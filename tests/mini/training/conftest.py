"""A model of the bundled architecture, tiny and untrained."""

import pytest
from tiny import MODEL, TOWER
from transformers import CLIPVisionModel, LlavaForConditionalGeneration, LlavaProcessor

from infohorizon.mini.training.model import new_model
from infohorizon.mini.training.processor import new_processor
from infohorizon.mini.training.tower import new_tower


@pytest.fixture(scope="session")
def processor() -> LlavaProcessor:
    return new_processor()


@pytest.fixture
def tower() -> CLIPVisionModel:
    return new_tower(TOWER).eval()


@pytest.fixture
def model(tower: CLIPVisionModel, processor: LlavaProcessor) -> LlavaForConditionalGeneration:
    return new_model(MODEL, tower, processor.tokenizer).eval()
