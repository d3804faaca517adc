"""Recipe, schedule, and that a training which was cut off ends where an unbroken one does."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from tiny import MODEL, TOWER
from transformers import CLIPVisionModel, LlavaProcessor

from infohorizon.errors import UserError
from infohorizon.mini.training import decoder, optimizer, tower
from infohorizon.mini.training.recipe import model_recipe, tower_recipe

ROOT = Path(__file__).parents[3]
RECIPE = yaml.safe_load((ROOT / "resources/training.yaml").read_text())


def test_the_models_differ_in_width_alone() -> None:
    strong, weak = (model_recipe(RECIPE, name) for name in ("mini-llava", "mini-llava-weak"))
    assert weak.width < strong.width
    assert replace(weak, width=strong.width, intermediate=strong.intermediate, heads=strong.heads) == strong


def test_an_unknown_model_is_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match="no model 'maxi'"):
        model_recipe(RECIPE, "maxi")


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
        return decoder.train_model(MODEL, tower, processor.tokenizer, tmp_path / name, log)

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
