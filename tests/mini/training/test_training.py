"""Recipe, schedule, and that a training which was cut off ends where an unbroken one does."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import MODEL, TOWER
from transformers import CLIPVisionModel, LlavaProcessor

from infohorizon.errors import UserError
from infohorizon.mini.training import decoder, optimizer, recipe, tower
from infohorizon.mini.training.recipe import model_part, model_recipe, tower_part, tower_recipe

RECIPE = recipe.load()


def test_the_models_differ_in_width_alone() -> None:
    strong, weak = (model_recipe(RECIPE, name) for name in ("mini-llava", "mini-llava-weak"))
    assert weak.width < strong.width
    assert replace(weak, width=strong.width, intermediate=strong.intermediate, heads=strong.heads) == strong


def test_an_unknown_model_is_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match=r"recipe.yaml has no model 'maxi-llava': did you mean 'mini-llava'\?"):
        model_recipe(RECIPE, "maxi-llava")


def test_another_model_leaves_tower_and_model_as_they_are() -> None:
    sizes = {**RECIPE["models"], "maxi-llava": {"width": 256}}
    other = {**RECIPE, "models": sizes}
    assert tower_part(other) == tower_part(RECIPE)
    assert model_part(other, "mini-llava") == model_part(RECIPE, "mini-llava")
    assert model_recipe(model_part(RECIPE, "mini-llava"), "mini-llava") == model_recipe(RECIPE, "mini-llava")


def test_the_recipe_is_read_in_any_locale() -> None:
    """Its comments are not ASCII, and neither is that a setting of the machine."""
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", "from infohorizon.mini.training import recipe; print(recipe.load()['seed'])"]
    run = subprocess.run(command, env={**os.environ, **ascii_locale}, capture_output=True, text=True)
    assert run.stdout == f"{RECIPE['seed']}\n", run.stderr


def test_scenes_begin_simple_and_fill_up() -> None:
    shares = [MODEL.share_of_simple_scenes(step) for step in range(5)]
    assert shares == pytest.approx([1, 1, 0.6, 0.2, 0])


def test_the_rate_warms_up_stays_and_falls_to_nothing() -> None:
    factors = [optimizer.rate_factor(step, 1000) for step in range(1001)]
    assert factors[0] < 0.05 and factors[39:700] == [1] * 661 and factors[850] == pytest.approx(0.5)
    assert factors[1000] == 0


def test_whole_tower_recipe() -> None:
    assert tower_recipe(RECIPE).layers >= 3  # the features come from the last layer but one


class Cut(Exception):
    pass


def cut_at(step: int):
    def log(record: dict) -> None:
        if record["step"] == step and record.get("split") != "train":
            raise Cut

    return log


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_model_cut_off_and_resumed_is_the_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tower: CLIPVisionModel, processor: LlavaProcessor
) -> None:
    monkeypatch.setattr(decoder, "CHECK_EVERY", 1)
    monkeypatch.setattr(decoder, "LOG_EVERY", 2)
    monkeypatch.setattr(decoder, "VALIDATION_IMAGES", 16)
    monkeypatch.setattr(decoder, "PROJECTOR_IMAGES", 4)

    def train(name: str, log) -> tuple:
        training = decoder.new_training(MODEL, tower, processor)
        history = decoder.train_model(training, tmp_path / name, log)
        return training.model, history

    whole, history = train("whole", lambda record: None)
    for step in (3, 5, 6):  # the checkpoints of 2, 4 (the end of the first round) and 5 are there
        with pytest.raises(Cut):
            train("cut", cut_at(step))
    resumed, resumed_history = train("cut", lambda record: None)
    assert same(whole, resumed)
    assert [record["step"] for record in history] == [record["step"] for record in resumed_history]
    assert same(whole.model.vision_tower, tower)

    other = replace(MODEL, rate=MODEL.rate / 2)  # its steps would not be the ones that the checkpoint has behind it
    assert optimizer.load_checkpoint(tmp_path / "cut", MODEL)["step"] == MODEL.all_steps
    assert optimizer.load_checkpoint(tmp_path / "cut", other) is None


def test_a_tower_cut_off_and_resumed_is_the_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tower, "CHECKPOINT_EVERY", 2)
    monkeypatch.setattr(tower, "LOG_EVERY", 1)
    whole, _ = tower.train_tower(TOWER, tmp_path / "whole", lambda record: None)
    with pytest.raises(Cut):
        tower.train_tower(TOWER, tmp_path / "cut", cut_at(3))
    resumed, history = tower.train_tower(TOWER, tmp_path / "cut", lambda record: None)
    assert same(whole, resumed) and [record["step"] for record in history] == [1, 2, 3, 4]
