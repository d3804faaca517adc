"""Requirements, pins, conda files and the container recipe say the same."""

import re
import subprocess
import sys
from pathlib import Path

import pins
import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / "envs"
REQUIREMENTS = sorted(path.name for path in ENVS.glob("requirements*.txt"))
CONDA = sorted(path.name for path in ENVS.glob("*.yaml"))


def pinned() -> dict[str, str]:
    """Normalised name → version, of both constraint files."""
    lines = [line for file in ENVS.glob("constraints*.txt") for line in file.read_text().split()]
    return {pins.normal(name): version for name, version in (line.split("==") for line in lines)}


def pip_list(file: str) -> list[str]:
    """What a conda file has pip install."""
    *_, last = yaml.safe_load((ENVS / file).read_text())["dependencies"]
    return last["pip"]


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_requirement_has_a_reason_and_a_pin_in_its_range(file):
    for line in (ENVS / file).read_text().splitlines():
        if not line.startswith("#"):
            text, _, reason = line.partition("  #")
            assert reason.strip(), f"{line} says no reason"
            requirement = Requirement(text)
            assert requirement.specifier.contains(pinned()[pins.normal(requirement.name)]), line


def test_conda_files_are_up_to_date():
    assert sorted(pins.CONDA) == CONDA
    for file in CONDA:
        assert (ENVS / file).read_text() == pins.conda(file), "run `make pins`"


@pytest.mark.parametrize("file", CONDA)
def test_a_conda_file_names_every_pin_and_needs_no_other_file(file):
    listed = [line for line in pip_list(file) if not line.startswith("--extra-index-url ")]
    assert listed == (ENVS / "constraints.txt").read_text().split()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in listed)


def test_every_conda_directive_names_a_file_that_is_there():
    used = set()
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        used |= set(re.findall(r'"\S*?envs/(\w+\.yaml)"', file.read_text()))
    assert used == set(CONDA)


@pytest.mark.slow
def test_pip_resolves_what_the_conda_files_name(tmp_path):
    """The index's versions agree with each other; files and torch's own indexes are not downloaded."""
    (tmp_path / "pins.txt").write_text("\n".join(pip_list("gpu.yaml")))
    command = ["pip", "install", "--dry-run", "--ignore-installed", "--quiet", "-r", tmp_path / "pins.txt"]
    run = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stderr[-3000:]


def test_the_container_installs_the_pins_as_make_does():
    recipe = (ROOT / "Dockerfile").read_text()
    options = re.findall(r"-[cr] envs/([\w.-]+)", recipe)
    assert options == ["constraints.txt", "requirements.txt", "requirements-pipeline.txt"]
    for source in re.findall(r"^COPY (.+) \S+$", recipe, re.M):
        assert all((ROOT / path).exists() for path in source.split())
    version = re.search(r"^FROM python:(3\.\d+)", recipe, re.M)[1]
    assert f"python ={version}" in (ENVS / "cpu.yaml").read_text()


def test_the_snakefile_asks_for_the_snakemake_that_the_requirements_name():
    (asked,) = re.findall(r'^min_version\("([\d.]+)"\)', (ROOT / "Snakefile").read_text(), re.M)
    assert f"snakemake >={asked}," in (ENVS / "requirements-pipeline.txt").read_text()
