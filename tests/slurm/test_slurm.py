"""The study through the shipped profile on a real SLURM: the same tables, whatever happens to jobs and nodes."""

import json
from pathlib import Path

import pytest

from faults.study import PATIENT, ROOT, Study, differing, make
from slurm.cluster import NODES, Cluster, call

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# The shipped profile; only how often it looks is changed.
PROFILE = ["--workflow-profile", str(ROOT / "workflow/profiles/slurm"), "--latency-wait", "5"]
PROFILE += ["--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "2"]


def jobs() -> dict[str, dict[str, str]]:
    """What SLURM was asked for by every job it remembers, by the job's rule and number."""
    fields = ["jobid", "state", "tres-per-job", "minmemory", "timelimit", "restartcnt", "comment"]
    lines = call("squeue", "-h", "-t", "all", "-O", ",".join(f"{field}:|" for field in fields)).splitlines()
    rows = [dict(zip(fields, map(str.strip, line.split("|")), strict=False)) for line in lines]
    return {row["jobid"]: row for row in rows}


@pytest.fixture
def unfinished(reference: Study, tmp_path: Path) -> Study:
    """The study with one sweep and the horizons still to do."""
    twin = reference.copy(tmp_path / "study")
    for table in (PATIENT, "results/horizon.arrow", "results/comparison.arrow"):
        (twin.folder / table).unlink()
    return twin


def new(before: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    return [row for number, row in sorted(jobs().items(), key=lambda item: int(item[0])) if number not in before]


def test_the_tables_of_a_local_run(cluster: Cluster, reference: Study, base: Path) -> None:
    study = make(base, "slurm-study")
    output = study.run(*PROFILE)
    assert differing(study.tables(), reference.tables()) == []

    asked = list(jobs().values())
    assert len(asked) == 7 and {row["state"] for row in asked} == {"COMPLETED"}
    # Six jobs run the model on a GPU, the horizons do not; data set and weights stayed on the submit host.
    assert [row["tres-per-job"] for row in asked].count("gres:gpu:1") == 6
    assert not [row for row in asked if "rule_benchmark" in row["comment"] or "rule_model" in row["comment"]]
    assert output.count("has been submitted with SLURM jobid") == 7


def test_a_cancelled_job_is_submitted_again(cluster: Cluster, unfinished: Study, reference: Study) -> None:
    before = jobs()
    process, _ = unfinished.hold(*PROFILE)
    [held] = new(before)
    call("scancel", held["jobid"])
    unfinished.release()
    unfinished.finish(process)
    assert differing(unfinished.tables(), reference.tables()) == []
    cancelled, again, _ = new(before)
    assert (cancelled["state"], again["state"]) == ("CANCELLED", "COMPLETED")
    assert (cancelled["minmemory"], again["minmemory"]) == ("24000M", "48000M")
    assert (cancelled["timelimit"], again["timelimit"]) == ("8:00:00", "16:00:00")


def test_a_lost_node(cluster: Cluster, unfinished: Study, reference: Study) -> None:
    before = jobs()
    process, _ = unfinished.hold(*PROFILE)
    [held] = new(before)
    node = call("squeue", "-h", "-j", held["jobid"], "-o", "%N").strip()
    cluster.kill_node(node)
    unfinished.release()
    try:
        unfinished.finish(process)
    finally:
        cluster.start_node(node)
    assert differing(unfinished.tables(), reference.tables()) == []
    lost, again, _ = new(before)
    assert (lost["state"], again["state"]) == ("NODE_FAIL", "COMPLETED")
    assert node in NODES


def test_sites_that_want_another_form(cluster: Cluster, unfinished: Study) -> None:
    """`gres` in place of `gpu`, as the profile's comments say; a partition that does not exist is said at once."""
    form = ["--set-resources", "sweep:gpu=0", "sweep:gres=gpu:1", "sweep:slurm_partition=nowhere"]
    output = unfinished.run(*PROFILE, *form, "--retries", "0", ok=False)
    assert "nowhere" in output and "invalid partition" in output.lower()
    before = jobs()
    unfinished.run(*PROFILE, *form[:-1], target=PATIENT)
    assert [row["state"] for row in new(before)] == ["COMPLETED"]
    assert json.loads((unfinished.folder / "study.yaml").read_text())
