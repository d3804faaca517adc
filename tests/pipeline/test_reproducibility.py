"""Whole studies: equal seeds give equal bytes, shards equal values, another seed other draws and nothing else."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from faults.fixtures import base, reference
from faults.study import CONFIGURATION, Study, differing, make

__all__ = ["base", "reference"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def rows(study: Study, stage: str) -> pl.DataFrame:
    """A stage's table, of all its parts, sorted."""
    parts = sorted((study.folder / "results" / stage).rglob("part-*.arrow"))
    frame = pl.concat([pl.read_ipc(part) for part in parts])
    keys = [
        "image_id",
        "question_id",
        "condition",
        "removal",
        "strategy",
        "schedule",
        "layer",
        "window",
        "keep",
        "repeat",
    ]
    return frame.sort([key for key in keys if key in frame.columns])


def test_two_runs_from_scratch_are_the_same_bytes(reference: Study, base: Path) -> None:
    again = make(base, "again")
    again.run("--cores", "1")  # also in another order
    assert differing(again.tables(), reference.tables()) == []


def test_three_shards_hold_the_rows_of_one(reference: Study, base: Path) -> None:
    sharded = make(base, "sharded", shards=3)
    sharded.run()
    for stage in ("vision", "answers", "information", "removals", "states", "sweep", "schedules"):
        one, three = rows(reference, stage), rows(sharded, stage)
        assert one.height == three.height > 0
        assert_frame_equal(one, three, rel_tol=0, abs_tol=1e-6)
        assert len({path.name for path in (sharded.folder / "results" / stage).rglob("part-*.arrow")}) == 3
    for table in ("horizon.arrow", "comparison.arrow"):
        one, three = (pl.read_ipc(study.folder / "results" / table) for study in (reference, sharded))
        assert_frame_equal(one, three, rel_tol=0, abs_tol=1e-6)


def test_another_seed_changes_only_what_draws(reference: Study, tmp_path: Path) -> None:
    other = reference.copy(tmp_path / "study")
    (other.folder / "study.yaml").write_text(json.dumps(CONFIGURATION | {"seed": 1}))
    output = other.run()
    rules = ("build_benchmark", "fetch_model", "encode_images", "answer_questions", "measure_information")
    for rule in (*rules, "measure_removals", "measure_states"):
        assert f"Rule: {rule})" not in output
    mine, theirs = rows(other, "sweep"), rows(reference, "sweep")
    assert not mine.filter(strategy="random").equals(theirs.filter(strategy="random"))
    assert mine.filter(strategy="patient").equals(theirs.filter(strategy="patient"))
    assert rows(other, "schedules").equals(rows(reference, "schedules"))
