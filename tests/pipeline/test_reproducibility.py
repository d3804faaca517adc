"""Whole studies: equal seeds give equal bytes, shards equal values, another seed other draws and nothing else."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from faults.fixtures import base, reference
from faults.study import CONFIGURATION, Study, differing, make

__all__ = ["base", "reference"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


SWEEP, INFORMATION = CONFIGURATION["sweep"], CONFIGURATION["information"]


def rows(study: Study, stage: str) -> pl.DataFrame:
    """A stage's table, of all its parts, sorted."""
    parts = sorted((study.folder / "results" / stage).rglob("part-*.arrow"))
    frame = pl.concat([pl.read_ipc(part) for part in parts])
    keys = ["image_id", "question_id", "condition", "strategy", "schedule", "layer", "window", "keep", "repeat"]
    return frame.sort([key for key in keys if key in frame.columns])


def test_two_runs_from_scratch_are_the_same_bytes(reference: Study, base: Path) -> None:
    again = make(base, "again")
    again.run("--cores", "1")  # in another order, too
    assert differing(again.tables(), reference.tables()) == []


def test_three_shards_hold_the_rows_of_one(reference: Study, base: Path) -> None:
    sharded = make(base, "sharded", shards=3)
    sharded.run()
    for stage in ("vision", "answers", "information", "sweep", "schedules"):
        one, three = rows(reference, stage), rows(sharded, stage)
        assert one.height == three.height > 0
        assert_frame_equal(one, three, rel_tol=0, abs_tol=1e-6)
        assert len({path.name for path in (sharded.folder / "results" / stage).rglob("part-*.arrow")}) == 3
    for table in ("horizon.arrow", "comparison.arrow"):
        one, three = (pl.read_ipc(study.folder / "results" / table) for study in (reference, sharded))
        assert_frame_equal(one, three, rel_tol=0, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ({}, {}),
        ({"sweep": SWEEP | {"strategies": ["random", "patient", "fastv"]}}, {"sweep": 1, "horizon": 1}),
        ({"sweep": SWEEP | {"strategies": ["random"]}}, {"horizon": 1}),
        ({"sweep": SWEEP | {"keep": [2]}}, {"sweep": 2, "horizon": 1}),
        ({"information": INFORMATION | {"removal": "zero"}}, {"information": 1, "horizon": 1}),
        ({"horizon": {"resamples": 200}}, {"horizon": 1}),
        ({"benchmarks": CONFIGURATION["benchmarks"] | {"other": {"source": "inputs/mme", "task": "mme"}}}, {}),
    ],
)
def test_a_change_reruns_what_reads_it_and_nothing_else(
    reference: Study, tmp_path: Path, change: dict, jobs: dict
) -> None:
    other = reference.copy(tmp_path / "study")
    (other.folder / "study.yaml").write_text(json.dumps(CONFIGURATION | change))
    planned = dict(re.findall(r"^(\w+) +(\d+)$", other.run("--dry-run"), re.MULTILINE))
    planned.pop("total", None)
    assert {rule: int(count) for rule, count in planned.items()} == jobs


def test_another_seed_changes_only_what_draws(reference: Study, tmp_path: Path) -> None:
    other = reference.copy(tmp_path / "study")
    (other.folder / "study.yaml").write_text(json.dumps(CONFIGURATION | {"seed": 1}))
    output = other.run()
    for rule in ("benchmark", "model", "vision", "answers", "information"):
        assert f"Rule: {rule})" not in output
    assert not rows(other, "sweep/tiny/tiny-mme/random").equals(rows(reference, "sweep/tiny/tiny-mme/random"))
    for stage in ("sweep/tiny/tiny-mme/patient", "schedules"):
        assert rows(other, stage).equals(rows(reference, stage))
