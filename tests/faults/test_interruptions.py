"""Whole runs, killed and disturbed: nothing lost, nothing wrong, and the next plain run completes."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from faults.study import PATIENT, VISION, Study, differing, inputs, make
from infohorizon import tables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LOG = "results/logs/sweep_strategies/tiny/tiny-mme/0.log"


def completes(study: Study, reference: Study, resumed: bool = False) -> None:
    """The next plain run gives the undisturbed tables; `resumed`: from the chunk that was there."""
    study.run()
    assert differing(study.tables(), reference.tables()) == []
    if resumed:
        assert "4/4 questions" in (study.folder / LOG).read_text()


def test_a_job_killed_in_the_middle(unfinished: Study, reference: Study) -> None:
    process, job = unfinished.hold()
    os.kill(job, signal.SIGKILL)
    assert "Error in rule sweep_strategies" in unfinished.finish(process, ok=False)
    assert not (unfinished.folder / PATIENT).exists()
    completes(unfinished, reference, resumed=True)


def test_snakemake_killed_while_its_job_lives_on(unfinished: Study, reference: Study) -> None:
    process, job = unfinished.hold()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    os.kill(job, 0)  # an orphan, still waiting: it and the next run write the same table
    unfinished.release()
    assert "Directory cannot be locked" in unfinished.run(ok=False)  # Snakemake's own locks are left to the user
    unfinished.run("--unlock")
    completes(unfinished, reference)


def test_ctrl_c(unfinished: Study, reference: Study) -> None:
    process, job = unfinished.hold()
    os.killpg(process.pid, signal.SIGINT)
    unfinished.finish(process, ok=False)
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)
    assert not (unfinished.folder / PATIENT).exists()
    completes(unfinished, reference, resumed=True)


def test_two_runs_in_one_folder(unfinished: Study, reference: Study) -> None:
    process, _ = unfinished.hold()
    refused = unfinished.run(ok=False, log="second.log")
    assert "Directory cannot be locked" in refused and "Traceback" not in refused
    unfinished.release()
    unfinished.finish(process)
    assert differing(unfinished.tables(), reference.tables()) == []


@pytest.fixture
def small_disk(unfinished: Study) -> Iterator[Path]:
    """The results folder of the unfinished study on a file system of its own, of 1 MB."""
    results = unfinished.folder / "results"
    here = unfinished.folder / "elsewhere"
    results.rename(here)
    results.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", results], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system here: {mounted.stderr.strip()}")
    subprocess.run(["cp", "-a", f"{here}/.", results], check=True)
    yield results
    subprocess.run(["umount", "--lazy", results], check=True)


def test_a_full_disk(unfinished: Study, reference: Study, small_disk: Path) -> None:
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert "could not be written: No space left on device" in unfinished.run(ok=False)
    assert not (unfinished.folder / PATIENT).exists()
    filler.unlink()
    completes(unfinished, reference)


def test_a_read_only_results_folder(unfinished: Study, reference: Study, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert "Read-only file system" in unfinished.run(ok=False)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    completes(unfinished, reference)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replace_by_foreign(path: Path) -> None:
    path.write_bytes(b"PAR1" + bytes(1000) + b"PAR1")


def replace_by_old_schema(path: Path) -> None:
    old = tables.read_arrow(path, "information").drop_columns("text_divergence")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, old.schema) as writer:
        writer.write_table(old)


def test_spoilt_tables_among_the_inputs(reference: Study, tmp_path: Path) -> None:
    study = reference.copy(tmp_path / "study")
    table = study.folder / "results/information/tiny/tiny-mme/part-0.arrow"
    whole = table.read_bytes()
    for spoil, sentence in (
        (truncate, "is not a complete Arrow file"),
        (replace_by_foreign, "is not a complete Arrow file"),
        (replace_by_old_schema, "is not a table 'information' of this version"),
    ):
        table.write_bytes(whole)
        spoil(table)
        output = study.run(ok=False)
        assert sentence in output and f"{table.relative_to(study.folder)}" in output
    assert "delete it and run snakemake again" in output
    table.unlink()
    completes(study, reference)


def test_a_half_downloaded_model(reference: Study, base: Path) -> None:
    study = make(base, "half")
    own = study.folder / "inputs"
    own.unlink()
    subprocess.run(["cp", "-a", f"{inputs(base)}/.", own], check=True)
    weights = own / "llava/model.safetensors"
    whole = weights.read_bytes()
    truncate(weights)
    output = study.run(target=VISION, ok=False)
    assert "model inputs/llava" in output and "damaged" in output and "Traceback" not in output
    weights.write_bytes(whole)
    study.run(target=VISION)
    assert (study.folder / VISION).read_bytes() == (reference.folder / VISION).read_bytes()
