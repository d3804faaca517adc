"""Several GPUs on one machine: how many jobs hold one, which card each gets, and what is said if torch sees none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from infohorizon.errors import UserError
from infohorizon.pipeline import gpus

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import os, sys
from infohorizon.pipeline import gpus
gpus.lease()
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without GPUs and batch system, whatever this one has."""
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gpus, "NVIDIA", tmp_path / "none")
    monkeypatch.setattr(gpus, "_held", [])


@pytest.mark.parametrize(
    ("named", "expected"), [("", []), ("-1", []), ("1", ["1"]), ("0, 3", ["0", "3"]), ("MIG-a", ["MIG-a"])]
)
def test_cards_that_the_user_names(monkeypatch: pytest.MonkeyPatch, named: str, expected: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert gpus.visible() == expected


def test_cards_of_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert gpus.visible() == []
    for bus in ("0000:01:00.0", "0000:41:00.0"):
        (tmp_path / "gpus" / bus).mkdir(parents=True)
    monkeypatch.setattr(gpus, "NVIDIA", tmp_path / "gpus")
    assert gpus.visible() == ["0", "1"]


def holder(folder: Path, cards: str) -> tuple[subprocess.Popen, str]:
    """A job that leases a card and keeps it: the process, and its card."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": cards, "TMPDIR": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def test_each_job_has_a_card_of_its_own_until_it_ends(tmp_path: Path) -> None:
    jobs = [holder(tmp_path, "4,7") for _ in range(3)]
    try:
        assert [card for _, card in jobs] == ["4", "7", "4"]  # a third one has to share
        jobs[1][0].kill()
        jobs[1][0].wait()
        jobs.append(holder(tmp_path, "4,7"))
        assert jobs[-1][1] == "7"
    finally:
        for process, _ in jobs:
            process.kill()
            process.communicate()


def test_nothing_is_leased_where_there_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    gpus.lease()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    gpus.lease()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1" and not gpus._held


def test_a_gpu_that_torch_cannot_use_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpus.expect("auto", "mine")  # no GPU, none expected
    (tmp_path / "gpus/0000:01:00.0").mkdir(parents=True)
    monkeypatch.setattr(gpus, "NVIDIA", tmp_path / "gpus")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    gpus.expect("auto", "mine")  # hidden on purpose
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(UserError, match=r"there is a GPU on .* cannot use it: install .*models\.mine\.device: cpu"):
        gpus.expect("auto", "mine")
    gpus.expect("cpu", "mine")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    gpus.expect("auto", "mine")


@pytest.mark.parametrize(
    ("cards", "arguments", "expected"),
    [("0,1", [], "2"), ("0,1", ["--resources", "gpu=1"], "1"), ("", [], "None")],
)
def test_snakemake_is_told_how_many_jobs_may_hold_a_gpu(
    tmp_path: Path, cards: str, arguments: list[str], expected: str
) -> None:
    rules = tmp_path / "own.smk"
    rules.write_text('print("GPUS", workflow.global_resources.get("gpu").value)\n')
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--config", f"own_rules=['{rules}']", *arguments]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": cards}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert f"GPUS {expected}\n" in run.stdout + run.stderr
