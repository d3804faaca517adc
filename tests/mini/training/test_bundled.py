"""The bundled models: ordinary folders that score what their cards say."""

import json
import re
from math import sqrt
from pathlib import Path

import pytest

from infohorizon.mini.rendered.dataset import render
from infohorizon.mini.training import recipe
from infohorizon.mini.training.card import card
from infohorizon.mini.training.evaluation import Loaded, exactly_answered, generated, load_folder, load_questions

ROOT = Path(__file__).parents[3]
MODELS = ("mini-llava", "mini-llava-weak")
TASKS = recipe.load()["tests"]["mini-llava"]
SUBSET = 90


@pytest.fixture(scope="module", params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def loaded(name: str) -> Loaded:
    return load_folder(ROOT / "resources/models" / name)


@pytest.fixture(scope="module")
def metrics(name: str) -> dict:
    return json.loads((ROOT / "resources/models" / name / "metrics.json").read_text())


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("rendered")
    for task in TASKS:
        render(task, "test", folder / task)
    return {task: load_questions(task, folder / task, limit=SUBSET) for task in TASKS}


def tolerance(share: float, count: int) -> float:
    """Three standard errors of a share of `count` questions, and a little for shares near 0 and 1."""
    return 3 * sqrt(share * (1 - share) / count) + 0.03


def test_the_folder_is_small_and_complete(name: str) -> None:
    files = {file.name: file.stat().st_size for file in Path(ROOT / "resources/models" / name).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "processor_config.json", "README.md"} <= set(files)
    assert sum(files.values()) < 25e6


def test_shapes_promised_to_the_study(loaded: Loaded) -> None:
    config = loaded.model.config
    assert config.text_config.num_hidden_layers >= 8
    assert config.image_seq_length == 64


@pytest.mark.parametrize("task", TASKS)
def test_the_weights_score_what_the_card_says(loaded: Loaded, metrics: dict, questions: dict, task: str) -> None:
    subset, claimed = questions[task], metrics["benchmarks"][task]
    for look, condition in ((True, "full"), (False, "blind")):
        right = exactly_answered(loaded, subset, look)
        share = claimed[condition]["accuracy"]
        assert sum(right) / len(right) == pytest.approx(share, abs=tolerance(share, len(right)))


@pytest.mark.parametrize(("task", "chance"), [("knowledge", 0.55), ("perception", 0.55), ("reading", 0.05)])
def test_blind_answers_are_at_chance(metrics: dict, task: str, chance: float) -> None:
    assert metrics["benchmarks"][task]["blind"]["low"] <= chance


def test_generate_says_what_packing_expects(loaded: Loaded, questions: dict) -> None:
    subset = questions["reading"].head(16)
    said = ["".join(answer.split()) for answer in generated(loaded, subset, max_new_tokens=8)]
    right = [answer == label for answer, label in zip(said, subset["label"], strict=True)]
    assert right == exactly_answered(loaded, subset)


def test_the_card_is_what_the_metrics_say(name: str, metrics: dict) -> None:
    written = (ROOT / "resources/models" / name / "README.md").read_text(encoding="utf-8")
    assert written == card(metrics)
    for result in metrics["benchmarks"].values():
        assert f"{result['full']['accuracy']:.3f} ({result['full']['low']:.3f}" in written


def test_the_card_names_folders_that_are_there(name: str) -> None:
    written = (ROOT / "resources/models" / name / "README.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:workflow|mini)/\S+)`", written)
    assert len(paths) == 2
    for path in paths:
        assert (ROOT / path).exists() or (ROOT / "workflow/infohorizon" / path).exists(), path
