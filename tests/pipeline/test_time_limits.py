"""No job asks for more time than `longest_job` allows, not even when it is tried again."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("settings", "expected"), [([], "480 960 30"), (["longest_job=45"], "45 45 30")])
def test_a_limit_caps_every_attempt(tmp_path: Path, settings: list[str], expected: str) -> None:
    rules = tmp_path / "own.smk"
    rules.write_text('print("MINUTES", minutes(480)(None, 1), minutes(480)(None, 2), minutes(30)(None, 1))\n')
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--config", f"own_rules=['{rules}']", *settings]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"MINUTES {expected}\n" in run.stdout
