"""A tiny study in a folder of its own, run by the real Snakefile: what tests of faults, SLURM and equality share."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Twenty questions are two chunks, and a question has two choices of `patient`: it waits in the second (patient.py).
CONFIGURATION: dict[str, Any] = {
    "run": {"models": ["tiny"], "benchmarks": ["tiny-mme"]},
    "models": {"tiny": {"source": "inputs/llava"}},
    "benchmarks": {"tiny-mme": {"source": "inputs/mme", "task": "mme"}},
    "strategies": {"patient": "inputs/patient.py"},
    "information": {"layers": [1, 3], "limit": 20},
    "answers": {"limit": None, "downsample": [4]},
    "removals": {"names": ["delete", "zero", "mean", "text"], "layers": [1, 3], "limit": 20},
    "states": {"layers": [1, 3], "limit": 20},
    "sweep": {"strategies": ["random", "patient"], "layers": [1, 3], "keep": [3], "repeats": 2, "limit": 20},
    "schedule_run": {"names": ["divprune-192", "pyramiddrop"], "limit": 20},
    "horizon": {"resamples": 100},
}
VISION = "results/vision/tiny/tiny-mme/part-0.arrow"
PATIENT = "results/sweep/tiny/tiny-mme/part-0.arrow"
TABLES = "estimate_horizons draw_removals draw_states"  # which need the tables of all stages that run a model
HORIZONS = "results/horizon.arrow"


class Study:
    """A folder with a configuration and inputs; `run` is what a user types there, for the tables of all stages."""

    root = ROOT  # of the Snakefile

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        (folder / "study.yaml").write_text(json.dumps(CONFIGURATION | changes))

    def start(self, *arguments: str, target: str = TABLES, log: str = "run.log") -> subprocess.Popen:
        """Snakemake as the head of a process group, deaf to no signal however pytest was started."""
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *target.split(),
            "--snakefile",
            str(self.root / "Snakefile"),
            *arguments,
        ]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(self.folder / "cache")}
        with open(self.folder / log, "w") as stream:
            return subprocess.Popen(
                [*command, "--configfile", "study.yaml"],
                cwd=self.folder,
                env=environment,
                stdout=stream,
                stderr=stream,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                start_new_session=True,
            )

    def finish(self, process: subprocess.Popen, ok: bool = True, log: str = "run.log") -> str:
        """Wait for the end and give the output; it must be a success, or a failure where `ok` is False."""
        try:
            code = process.wait(400)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        output = (self.folder / log).read_text()
        assert (code == 0) == ok, output[-8000:]
        return output

    def run(self, *arguments: str, target: str = TABLES, ok: bool = True, log: str = "run.log") -> str:
        return self.finish(self.start(*arguments, target=target, log=log), ok, log)

    def hold(self, *arguments: str) -> tuple[subprocess.Popen, int]:
        """Start, and wait until the sweep of `patient` is in its second chunk: (snakemake, pid of the job)."""
        (self.folder / "held").unlink(missing_ok=True)
        (self.folder / "hold").touch()
        process = self.start(*arguments)
        held, deadline = self.folder / "held", time.monotonic() + 200
        while not held.exists() or not held.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                self.finish(process, ok=False)
                pytest.fail((self.folder / "run.log").read_text()[-8000:])
            time.sleep(0.1)
        return process, int(held.read_text())

    def release(self) -> None:
        (self.folder / "hold").unlink()

    def tables(self) -> dict[str, bytes]:
        """All results but logs and timings; a forgotten temporary file is among them, and so is seen."""
        results = self.folder / "results"
        paths = {path.relative_to(results): path for path in results.rglob("*") if path.is_file()}
        return {
            str(name): path.read_bytes() for name, path in paths.items() if name.parts[0] not in {"logs", "timings"}
        }

    def copy(self, folder: Path) -> "Study":
        """The same study, with all it has computed, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        twin = Study.__new__(Study)
        twin.folder = folder
        return twin


def differing(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """Names of the tables that are not byte for byte the same in both: a readable assertion."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


@cache
def inputs(base: Path) -> Path:
    """Model, benchmark and strategy file that the study names, once below pytest's folder `base`."""
    from benchmarks.fixtures import write_mme
    from checkpoints import write_llava

    folder = base / "inputs"
    write_llava(folder / "llava")
    write_mme(folder / "mme", 10)
    shutil.copy(ROOT / "tests/faults/patient.py", folder)
    return folder


def make(base: Path, name: str, **changes: Any) -> Study:
    """A study of which nothing has run yet."""
    folder = base / name
    folder.mkdir()
    shutil.copy(ROOT / "config.yaml", folder)
    (folder / "inputs").symlink_to(inputs(base))
    return Study(folder, **changes)


@cache
def undisturbed(base: Path) -> Study:
    """The study run from scratch without disturbance, once per session."""
    study = make(base, "undisturbed")
    study.run()
    return study
