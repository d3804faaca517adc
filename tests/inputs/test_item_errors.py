"""Every error of an item says which: benchmark, question and image; and the log says why."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from infohorizon.errors import PassingError, UserError
from infohorizon.pipeline.inputs import naming
from infohorizon.pipeline.job import run


@pytest.fixture(autouse=True)
def root_handlers():
    """A job takes the root logger's handlers, which are pytest's, for its own."""
    before = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = before


def failing(error):
    def compute(item, missing):
        raise error

    return compute


@pytest.mark.parametrize(
    ("error", "rows", "sentence"),
    [
        (UserError("too long."), {"q1": {"image_id": "i7"}}, "mme, question q1, image i7: too long."),
        (ValueError("ratio"), {"q1": {"image_id": "i7"}}, "mme, question q1, image i7: ValueError: ratio"),
        (ValueError("ratio"), None, "mme, image q1: ValueError: ratio"),
    ],
)
def test_items_are_named(error, rows, sentence):
    with pytest.raises(UserError) as caught:
        naming("mme", failing(error), rows)("q1", [])
    assert str(caught.value) == sentence and caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (UserError("too long."), False),
        (PassingError("the hub cannot be reached."), True),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), True),
        (OSError(5, "Input/output error"), True),
    ],
)
def test_an_item_keeps_whether_its_fault_may_pass(error, passes):
    with pytest.raises(UserError) as caught:
        naming("mme", failing(error))("q1", [])
    assert isinstance(caught.value, PassingError) == passes


def attempt(main, folder, number=1):
    """What a job says that fails in its attempt of this number."""
    empty = dict.fromkeys(("input", "output", "params", "config", "wildcards", "threads"))
    resources = SimpleNamespace(attempt=number) if number > 1 else SimpleNamespace()
    snakemake = SimpleNamespace(**empty, rule="answers", log=[str(folder / "log")], resources=resources)
    with pytest.raises(SystemExit) as caught:
        run(main, snakemake)
    return str(caught.value)


def test_the_log_says_why(tmp_path):
    def main(job):
        try:
            raise ValueError("deep")
        except ValueError as error:
            raise UserError("one sentence.") from error

    assert attempt(main, tmp_path) == "answers: one sentence."
    text = (tmp_path / "log").read_text()
    assert "one sentence." in text and "because of ValueError: deep" in text and "Traceback" not in text


@pytest.mark.parametrize(("kind", "tried"), [(UserError, 1), (PassingError, 3)])
def test_only_faults_that_may_pass_are_tried_again(kind, tried, tmp_path):
    runs = []

    def main(job):
        runs.append(job)
        raise kind("mme, question q1: too long.")

    said = [attempt(main, tmp_path, number) for number in (1, 2, 3)]
    assert len(runs) == tried
    assert set(said) == {"answers: mme, question q1: too long."}
    assert "too long." in (tmp_path / "log").read_text()
    attempt(main, tmp_path)  # a new run of snakemake counts from 1
    assert len(runs) == tried + 1


def test_snakemake_counts_the_attempts(tmp_path):
    """Snakemake retries a job, with the cluster profile's resource, and deletes the log before each attempt."""
    library = Path(__file__).resolve().parents[2] / "workflow"
    (tmp_path / "Snakefile").write_text('rule answers:\n    output: "x"\n    log: "logs/a.log"\n    script: "s.py"\n')
    (tmp_path / "s.py").write_text(
        "from infohorizon.errors import UserError\n"
        "from infohorizon.pipeline.job import run\n"
        "def main(job):\n"
        "    with open('runs', 'a') as file:\n"
        "        file.write('run ')\n"
        "    raise UserError('too long.')\n"
        "run(main, snakemake)\n"
    )
    profile = yaml.safe_load((library / "profiles/slurm/config.yaml").read_text())
    counted = f"attempt={profile['default-resources']['attempt']}"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--retries", str(profile["retries"])]
    done = subprocess.run(
        [*command, "--default-resources", counted],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(library)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode != 0 and done.stderr.count("Trying to restart job") == 2
    assert (tmp_path / "runs").read_text() == "run "
    assert "too long. (found by an earlier attempt)" in (tmp_path / "logs/a.log").read_text()


def test_parts_that_fewer_shards_no_longer_have_are_gone(tmp_path):
    """Whoever reads all of `part-*.arrow` counts no question twice; other files stay."""
    names = ("part-0.arrow", "part-1.arrow", "part-2.arrow", "part-10.arrow", "part-of-mine.arrow", "other.arrow")
    for name in names:
        (tmp_path / name).touch()

    def ended(shard, shards):
        output, config = [str(tmp_path / f"part-{shard}.arrow")], {"shards": shards}
        empty = dict.fromkeys(("input", "params", "wildcards", "threads"))
        run(lambda job: None, SimpleNamespace(**empty, output=output, config=config, rule="answers", log=[]))
        return {path.name for path in tmp_path.iterdir()}

    assert ended(1, 2) == set(names)  # the job of shard 0 does it
    assert ended(0, 2) == set(names) - {"part-2.arrow", "part-10.arrow"}
    assert ended(0, 1) == {"part-0.arrow", "part-of-mine.arrow", "other.arrow"}
