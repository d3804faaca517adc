"""Every stage that runs a model, killed for good in the middle: what was computed stays, the table is the same."""

from pathlib import Path

import pytest

from faults.job import STAGES, output, start
from faults.study import Study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


# 10 images are a single chunk, 20 questions are two: killed as the last chunk, or the finished table, is put in place.
@pytest.mark.parametrize(
    ("stage", "kill", "left"),
    [("vision", 1, "10 image"), ("vision", 2, None)]
    + [(stage, 2, "4 question") for stage in list(STAGES)[1:]]
    + [("information", 3, None), ("schedules", 3, None)],
)
def test_a_killed_stage(reference: Study, tmp_path: Path, stage: str, kill: int, left: str | None) -> None:
    log = tmp_path / "log"
    path = output(stage)
    assert start(reference.folder, stage, tmp_path, kill=kill) == -9
    assert not (tmp_path / path).exists()
    assert start(reference.folder, stage, tmp_path, log=log) == 0
    assert (tmp_path / path).read_bytes() == (reference.folder / "results" / path).read_bytes()
    resumed = [line for line in log.read_text().splitlines() if "/s" in line]
    assert f"{left}s" in resumed[-1] if left else resumed == []
    assert [found.relative_to(tmp_path) for found in tmp_path.rglob("*.arrow")] == [path]
