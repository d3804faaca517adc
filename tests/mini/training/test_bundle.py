"""From a trained model to a folder that a study can name: its summary, its card, the copy; and the rules that do it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from infohorizon import models
from infohorizon.errors import UserError
from infohorizon.mini.rendered.dataset import render
from infohorizon.mini.training import recipe
from infohorizon.mini.training.bundle import bundle
from infohorizon.mini.training.card import card
from infohorizon.mini.training.evaluation import evaluate, load_folder, load_questions
from infohorizon.mini.training.summary import course, last_commit, last_validation, summarize

ROOT = Path(__file__).resolve().parents[3]
HISTORY = pl.DataFrame(
    [
        {"split": "train", "step": 50, "loss": 2.0, "images_per_second": 20.0, "color": 0.1, "fact": 0.2},
        {"split": "validation", "step": 100, "color": 0.5, "fact": None},
        {"split": "train", "step": 100, "loss": 1.0, "images_per_second": 60.0, "color": 0.3, "fact": 0.4},
        {"split": "validation", "step": 100, "color": 0.75, "fact": None},
    ]
)


def test_course_and_validation_of_a_history() -> None:
    assert course(HISTORY, batch=4) == {"steps": 100, "seen": 400, "rate": 30.0}  # the harmonic mean of 20 and 60
    assert last_validation(HISTORY) == {"color": 0.75}


def test_outside_a_git_checkout_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_commit(tmp_path) == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert last_commit(ROOT) == "unknown"


@pytest.fixture
def trained(tmp_path: Path, model: LlavaForConditionalGeneration, processor: LlavaProcessor) -> Path:
    """A model folder with metrics and card beside it, as the training rules leave them."""
    folder = tmp_path / "train" / "mini-llava"
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / ".snakemake_timestamp").touch()
    render("perception", "test", tmp_path / "perception")
    loaded = load_folder(folder)
    results = {"perception": evaluate(loaded, "perception", load_questions("perception", tmp_path / "perception", 9))}
    part = recipe.model_part(recipe.load(), "mini-llava")
    summary = summarize("mini-llava", part, loaded.model, HISTORY, results)
    folder.with_name("mini-llava.metrics.json").write_text(json.dumps(summary), encoding="utf-8")
    folder.with_name("mini-llava.card.md").write_text(card(summary), encoding="utf-8")
    return folder


def test_a_bundled_model_is_a_folder_that_a_study_loads(trained: Path, tmp_path: Path) -> None:
    target = tmp_path / "resources" / "mini-llava"
    for _ in range(2):  # into a new folder, and over an old one
        bundle(trained, target)
        assert models.load(str(target), {"dtype": "float32"}).depth == 2
        assert json.loads((target / "metrics.json").read_text())["training"]["steps"] == 100
        assert (target / "README.md").read_text(encoding="utf-8").splitlines()[5] == "# mini-llava"
        assert not list(target.glob(".*"))


@pytest.mark.parametrize("missing", ["mini-llava/config.json", "mini-llava.metrics.json", "mini-llava.card.md"])
def test_a_model_without_all_its_parts_is_not_bundled(trained: Path, tmp_path: Path, missing: str) -> None:
    (trained.parent / missing).unlink()
    with pytest.raises(UserError, match=f"{missing} does not exist: run `snakemake train` first"):
        bundle(trained, tmp_path / "resources")
    assert not (tmp_path / "resources").exists()


@pytest.mark.slow
def test_the_training_rules_end_in_a_bundled_model(tmp_path: Path) -> None:
    """The rules in a copy of the project whose recipe is tiny; only declared files and logs are written."""
    for name in ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "resources"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, tmp_path / name)
    small = recipe.load()
    sizes = {"width": 32, "heads": 2, "intermediate": 32}
    small["tower"] |= {**sizes, "layers": 2, "steps": 20, "batch": 4}
    small["decoder"] |= {"layers": 2, "steps": 50, "simple_steps": 5, "mixed_at": 20, "options_from": 0, "batch": 2}
    small["decoder"] |= {"sides_from": 60, "finish_steps": 50}
    small["models"], small["adapters"] = {"mini-llava": sizes}, {}
    (tmp_path / "workflow/infohorizon/mini/training/recipe.yaml").write_text(yaml.safe_dump(small))
    before = {path: path.read_bytes() for path in (tmp_path / "resources").rglob("*") if path.is_file()}

    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "workflow")}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "train"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    made = {path.name for path in (tmp_path / "results/train").iterdir()}
    beside = {f"mini-llava.{suffix}" for suffix in ("csv", "svg", "png", "metrics.json", "card.md")}
    assert made == {"tower", "tower.csv", "mini-llava", *beside}
    assert before == {path: path.read_bytes() for path in (tmp_path / "resources").rglob("*") if path.is_file()}

    command = [sys.executable, "-m", "infohorizon.mini.training.bundle", "results/train/mini-llava", "bundled"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert models.load(str(tmp_path / "bundled"), {"dtype": "float32"}).depth == 2
    run = subprocess.run(
        [*command[:-2], "results/train/other", "x"], cwd=tmp_path, env=environment, capture_output=True
    )
    assert run.returncode == 1 and b"other/config.json does not exist" in run.stderr
