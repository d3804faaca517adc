"""The library is installable, light to import, and the README's ten lines run on an installed copy."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "workflow" / "infohorizon"


def run(*command: str | Path, **options) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment with this project's wheel; all other packages are those of the running one."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "workflow" / "infohorizon", folder / "source/workflow/infohorizon")
    shutil.copytree(ROOT / "envs", folder / "source/envs")
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder / "source")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv/bin/python"
    site = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])").strip())
    packages = next(path for path in map(Path, sys.path) if (path / "torch").is_dir())
    (site / "packages.pth").write_text(f"{packages}\n")
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]  # built by the running setuptools
    run(sys.executable, "-m", "pip", "install", *flags, "--target", site, folder / "source")
    shutil.rmtree(folder / "source")
    return python


def away_from_here() -> dict[str, str]:
    """The environment variables without the way to this checkout's library."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def files(folder: Path) -> set[Path]:
    """The files under a folder, compiled ones aside."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder) for path in found}


@pytest.mark.slow
def test_the_readme_s_ten_lines_run_on_an_installed_library(installed, tmp_path):
    section = (ROOT / "README.md").read_text().split("## Ten lines of Python")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    assert len(code.strip().splitlines()) == 10
    (tmp_path / "resources").mkdir()
    shutil.copytree(ROOT / "resources/models/mini-llava", tmp_path / "resources/models/mini-llava")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/picture.png", tmp_path / "docs")

    printed = run(installed, "-c", code, cwd=tmp_path, env=away_from_here())
    found = {int(layer): float(value) for layer, value in re.findall(r"│ (\d+) +┆ ([\d.e-]+)", printed)}
    assert list(found) == list(range(8))
    assert all(found[layer] >= 0.8 for layer in range(6))
    assert all(found[layer] < 0.001 for layer in (6, 7))


@pytest.mark.slow
def test_the_installed_library_is_whole(installed, tmp_path):
    where = "import infohorizon, os; print(os.path.dirname(infohorizon.__file__))"
    folder = Path(run(installed, "-c", where, cwd=tmp_path, env=away_from_here()).strip())
    assert folder.is_relative_to(installed.parents[1])
    assert files(folder) == files(LIBRARY)


def test_importing_the_package_and_its_registries_loads_nothing_heavy():
    code = (
        "import sys, infohorizon, infohorizon.models, infohorizon.strategies, infohorizon.benchmarks;"
        "print(sorted({'torch', 'transformers', 'datasets', 'matplotlib'} & set(sys.modules)))"
    )
    assert run(sys.executable, "-c", code, env={**os.environ, "PYTHONPATH": str(LIBRARY.parent)}).strip() == "[]"
