"""Locks of dead runs go, those of live ones stay."""

import signal
import subprocess
import sys
from pathlib import Path

from infohorizon import alive

RUN = "import sys; from pathlib import Path; from infohorizon.alive import register; register(Path(sys.argv[1]));"


def start(folder: Path) -> subprocess.Popen:
    """A run that lives until it is killed; it returns once the run has registered."""
    code = RUN + "print('here', flush=True); sys.stdin.read()"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "here\n"
    return process


def lock(folder: Path) -> Path:
    file = folder / "locks/0.output.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("results/x\n")
    return file


def test_a_lock_outlives_no_killed_run(tmp_path: Path) -> None:
    file = lock(tmp_path)
    first = start(tmp_path)
    assert not file.exists()  # nobody lived
    lock(tmp_path)
    second = start(tmp_path)
    assert file.exists()  # the first lives
    first.send_signal(signal.SIGKILL)
    first.wait()
    third = start(tmp_path)
    assert file.exists()  # the second lives
    for process in (second, third):
        process.send_signal(signal.SIGKILL)
        process.wait()
    start(tmp_path).kill()
    assert not file.exists()


def test_locks_of_other_hosts_stay(tmp_path: Path) -> None:
    file = lock(tmp_path)
    (tmp_path / "alive").write_text("another-host\n")
    start(tmp_path).kill()
    assert file.exists()


def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    alive.register(tmp_path / "file" / ".snakemake")
