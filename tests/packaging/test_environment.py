"""`make setup` (envs/setup.sh) makes the environment when it must, and says in one sentence why it cannot."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with this project's set-up script, and pins that install nothing."""
    envs = tmp_path / "clone" / "envs"
    envs.mkdir(parents=True)
    shutil.copy(ROOT / "envs" / "setup.sh", envs)
    for file in [*(ROOT / "envs").glob("requirements*.txt"), *(ROOT / "envs").glob("constraints*.txt")]:
        (envs / file.name).touch()
    return envs.parent


def setup(clone: Path, venv: str = ".venv", python: str = "") -> subprocess.CompletedProcess:
    command = ["sh", "envs/setup.sh", venv, python]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=120)


def sentence(run: subprocess.CompletedProcess) -> str:
    """What a refused set-up says last."""
    assert run.returncode != 0
    return run.stderr.strip().splitlines()[-1]


def interpreter(folder: Path, version: str) -> str:
    """A program that reports a Python version as `-c 'import sys; print(…)'` does."""
    program = folder / f"python{version}"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.slow
def test_a_finished_environment_is_kept_until_it_is_stale(clone):
    assert "Making the environment" in setup(clone, python=sys.executable).stdout
    version = subprocess.check_output([clone / ".venv/bin/python", "-V"], text=True)
    assert version.split()[1] == ".".join(map(str, sys.version_info[:3]))

    mine = clone / ".venv" / "mine"
    mine.touch()
    for python in ("", sys.executable):
        run = setup(clone, python=python)
        assert (run.returncode, run.stdout) == (0, "")
    os.utime(clone / "envs" / "constraints.txt")
    assert setup(clone).stdout == ""
    assert mine.exists()

    (clone / "envs" / "constraints.txt").write_text("# other pins\n")
    assert "Making the environment" in setup(clone).stdout
    assert not mine.exists()

    moved = clone.rename(clone.with_name("moved"))  # an environment's scripts name its folder
    assert "Making the environment" in setup(moved, python=sys.executable).stdout
    assert setup(moved).stdout == ""

    linked = clone.with_name("linked")  # a link shares the environment that it leads to
    shutil.copytree(moved, linked, ignore=shutil.ignore_patterns(".venv"))
    (linked / ".venv").symlink_to(moved / ".venv")
    assert (setup(linked).returncode, setup(linked).stdout) == (0, "")
    (linked / ".venv" / ".done").write_text("Python 3.10, elsewhere, pins 1 2")
    assert "Making the environment" in setup(linked, python=sys.executable).stdout
    assert (moved / ".venv" / "bin" / "pip").exists()


@pytest.mark.parametrize("done", ["unfinished", "Python 3.10, elsewhere, pins 1 2"])
def test_an_environment_that_is_unfinished_or_of_another_python_is_made_anew(clone, done):
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".done").write_text(done)
    (clone / ".venv" / "left over").touch()
    assert "Making the environment" in setup(clone, python=sys.executable).stdout
    assert not (clone / ".venv" / "left over").exists()
    assert (clone / ".venv" / "bin" / "pip").exists()


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.14"])
def test_an_unsupported_python_is_refused(clone, tmp_path, version):
    said = sentence(setup(clone, python=interpreter(tmp_path, version)))
    assert said.startswith("Python 3.11, 3.12 or 3.13 is needed, but")
    assert f"is Python {version}" in said and "make PYTHON=" in said
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there_is_named(clone):
    assert "'no-such-python' could not be run" in sentence(setup(clone, python="no-such-python"))


def test_a_folder_that_make_did_not_fill_is_left_alone(clone):
    (clone / "data").mkdir()
    (clone / "data" / "notes.txt").write_text("mine")
    assert "was not made by `make`" in sentence(setup(clone, "data", sys.executable))
    assert (clone / "data" / "notes.txt").read_text() == "mine"


def test_a_path_with_a_space_is_refused(clone):
    spaced = clone.rename(clone.with_name("my clone"))
    said = sentence(setup(spaced, python=sys.executable))
    assert "contains a space" in said and str(spaced) in said
    elsewhere = setup(spaced, str(spaced.with_name("venv")), sys.executable)
    assert elsewhere.returncode == 0, elsewhere.stderr


def test_snakemake_itself_says_that_its_python_has_a_space(tmp_path):
    venv = tmp_path / "a b"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [venv / "bin" / "python", "-m", "snakemake", "--dry-run"]
    run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert "whose path contains a space" in said and str(venv) in said
