"""The study through the shipped profile on a real SLURM: the same tables, whatever happens to jobs and nodes."""

from pathlib import Path

import pytest

from faults.study import PATIENT, ROOT, Study, differing, make
from slurm.cluster import Cluster, call

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# The shipped profile; only how often it looks is changed.
PROFILE = ["--workflow-profile", str(ROOT / "workflow/profiles/slurm"), "--latency-wait", "5"]
PROFILE += ["--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "2"]


def jobs() -> dict[str, dict[str, str]]:
    """What every job that SLURM remembers asked for, by its number."""
    fields = ["jobid", "state", "tres-per-job", "minmemory", "timelimit", "restartcnt", "comment"]
    lines = call("squeue", "-h", "-t", "all", "-O", ",".join(f"{field}:|" for field in fields)).splitlines()
    rows = [dict(zip(fields, map(str.strip, line.split("|")), strict=False)) for line in lines]
    return {row["jobid"]: row for row in rows}


def new(before: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """Jobs submitted since, the first one first."""
    return [row for number, row in sorted(jobs().items(), key=lambda item: int(item[0])) if number not in before]


def test_the_tables_of_a_local_run(cluster: Cluster, reference: Study, base: Path) -> None:
    study, before = make(base, "slurm-study"), jobs()
    output = study.run(*PROFILE)
    assert differing(study.tables(), reference.tables()) == []

    asked = new(before)
    assert output.count("has been submitted with SLURM jobid") == len(asked) == 7
    assert {row["state"] for row in asked} == {"COMPLETED"}
    # Data set and weights stayed on the submit host; whatever runs the model asks for a GPU.
    stages = {row["comment"].split("_")[1]: row["tres-per-job"] for row in asked}
    models = dict.fromkeys(["vision", "answers", "information", "sweep", "schedules"], "gres:gpu:1")
    assert stages == models | {"horizon": "N/A"}


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


def test_sites_that_want_another_form(cluster: Cluster, unfinished: Study) -> None:
    """`gres` in place of `gpu`, as the profile's comments say; a partition that does not exist is said at once."""
    form = ["--set-resources", "sweep:gpu=0", "sweep:gres=gpu:1", "sweep:slurm_partition=nowhere"]
    output = unfinished.run(*PROFILE, *form, "--retries", "0", ok=False)
    assert "nowhere" in output and "invalid partition" in output.lower()
    before = jobs()
    unfinished.run(*PROFILE, *form[:-1], target=PATIENT)
    assert [row["state"] for row in new(before)] == ["COMPLETED"]
