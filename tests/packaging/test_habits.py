"""What describes the project agrees with the project."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_versions_agree():
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert yaml.safe_load(text("CITATION.cff"))["version"] == version
    headings = re.findall(r"^## (.+)", text("CHANGELOG.md"), re.M)
    assert headings[0] == "Unreleased" or re.fullmatch(rf"{re.escape(version)}, \d{{4}}-\d\d-\d\d", headings[0])


@pytest.mark.parametrize(
    "file", [".ci/run", ".github/workflows/checks.yml", "CONTRIBUTING.md", "README.md", "Makefile"]
)
def test_every_make_target_that_is_named_exists(file):
    named = re.findall(r"(?:^|`|run: |--preserve-env |# )make ([a-z-]+(?: [a-z-]+)*)", text(file), re.M)
    assert named or file == "README.md"
    assert {target for targets in named for target in targets.split()} - {"sure"} <= TARGETS


def test_every_make_target_is_phony():
    (phony,) = re.findall(r"^\.PHONY: (.+)", text("Makefile"), re.M)
    assert set(phony.split()) == TARGETS


def test_every_file_that_the_guides_name_exists():
    named = re.findall(r"`((?:workflow|envs|tests|docs)/[\w./-]*)`", text("CONTRIBUTING.md") + text("README.md"))
    missing = [path for path in named if "<" not in path and not (ROOT / path).exists()]
    assert named and not missing


def test_the_python_versions_are_the_same_everywhere():
    supported = tomllib.loads(text("pyproject.toml"))["project"]["requires-python"]
    assert supported == ">=3.11,<3.14"
    workflow = yaml.safe_load(text(".github/workflows/checks.yml"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert "3.11 | 3.12 | 3.13)" in text("envs/setup.sh")


def test_the_workflow_catalogue_s_file_names_what_is_there():
    usage = yaml.safe_load(text(".snakemake-workflow-catalog.yml"))["usage"]
    assert usage["software-stack-deployment"]["conda"] and usage["report"]
    assert (ROOT / "envs/cpu.yaml").exists() and (ROOT / "workflow/report/report.rst").exists()


@pytest.mark.slow
def test_the_pre_commit_hooks_pass_on_every_file(tmp_path):
    """With the running environment in the place of .venv, in a shell that knows nothing of the Makefile."""
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)
    (tmp_path / "clone/.venv").symlink_to(Path(sys.executable).parents[1])
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(command, cwd=tmp_path / "clone", env=plain, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
