"""The study through the shipped profile on a real SLURM: the same tables, whatever happens to jobs and nodes."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from faults.job import STAGES as RULES
from faults.study import CONFIGURATION, PATIENT, ROOT, Study, differing, inputs
from slurm.cluster import Cluster, call

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# The shipped profile; only how often it looks is changed.
OFTEN = [
    "--latency-wait",
    "5",
    "--slurm-init-seconds-before-status-checks",
    "3",
    "--seconds-between-status-checks",
    "2",
]
PROFILE = ["--workflow-profile", str(ROOT / "workflow/profiles/slurm"), *OFTEN]


def jobs() -> dict[str, dict[str, str]]:
    """What every job that SLURM remembers asked for, by its number."""
    fields = ["jobid", "state", "tres-per-job", "minmemory", "timelimit", "restartcnt", "comment"]
    lines = call("squeue", "-h", "-t", "all", "-O", ",".join(f"{field}:|" for field in fields)).splitlines()
    rows = [dict(zip(fields, map(str.strip, line.split("|")), strict=False)) for line in lines]
    return {row["jobid"]: row for row in rows}


def new(before: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """Jobs submitted since, the first one first."""
    return [row for number, row in sorted(jobs().items(), key=lambda item: int(item[0])) if number not in before]


def test_the_guide_followed_to_the_letter(cluster: Cluster, reference: Study, base: Path, tmp_path: Path) -> None:
    """A clone, the commands of docs/slurm.md with another study's name, and the tables of a local run."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    (clone / "inputs").symlink_to(inputs(base))
    (clone / "studies/paper.yaml").write_text(json.dumps(CONFIGURATION))
    (block,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/slurm.md").read_text(), re.DOTALL)
    plan, study = block.strip().splitlines()
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}

    def typed(line: str, *more: str) -> str:
        command = [*line.partition("#")[0].split(), *more]
        command[:1] = [shutil.which("python"), "-m", "snakemake"]
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
        return done.stdout + done.stderr

    assert re.search(r"^sweep_strategies +1 ", typed(plan), re.MULTILINE)
    before = jobs()
    output = typed(study, *OFTEN)
    asked = new(before)
    assert output.count("has been submitted with SLURM jobid") == len(asked)
    assert {row["state"] for row in asked} == {"COMPLETED"}
    # Data set and weights stay on the submit host; whatever runs the model asks for a GPU.
    found = {(row["comment"].removeprefix("rule_").split("_wildcards")[0], row["tres-per-job"]) for row in asked}
    assert {(rule, asks) for rule, asks in found if asks != "N/A"} == {(rule, "gres:gpu:1") for rule in RULES.values()}
    others = {rule for rule, asks in found if asks == "N/A"}
    assert {"compute_metrics", "estimate_horizons", "draw_removals", "draw_states"} <= others
    assert not {"fetch_model", "build_benchmark", *RULES.values()} & others
    here = Study.__new__(Study)
    here.folder = clone
    assert (clone / "results/report.html").exists()
    shared = here.tables().keys() & reference.tables().keys()
    assert [name for name in differing(here.tables(), reference.tables()) if name in shared] == []
    assert reference.tables().keys() <= here.tables().keys()


def test_a_preempted_job_goes_on(cluster: Cluster, unfinished: Study, reference: Study, tmp_path: Path) -> None:
    """An urgent job takes the node; with `slurm-requeue: true`, as the profile says, SLURM starts it again."""
    text = (ROOT / "workflow/profiles/slurm/config.yaml").read_text()
    assert text.count("\nslurm-no-requeue: true\n") == 1
    profile = tmp_path / "preempted"
    profile.mkdir()
    (profile / "config.yaml").write_text(text.replace("slurm-no-requeue: true", "slurm-requeue: true"))
    before = jobs()
    process, _ = unfinished.hold("--workflow-profile", str(profile), *OFTEN)
    (unfinished.folder / "held").unlink()
    urgent = ["sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--exclusive", "--wrap", "sleep 5"]
    number = call(*urgent, f"--chdir={tmp_path}", "--output=/dev/null").strip()
    cluster.wait(lambda: jobs()[number]["state"] == "COMPLETED", "the urgent job did not run")
    unfinished.release()
    unfinished.finish(process)
    assert differing(unfinished.tables(), reference.tables()) == []
    preempted = next(row for row in new(before) if "sweep" in row["comment"])
    assert (preempted["state"], preempted["restartcnt"]) == ("COMPLETED", "1")


def test_a_cancelled_job_is_submitted_again(cluster: Cluster, unfinished: Study, reference: Study) -> None:
    before = jobs()
    process, _ = unfinished.hold(*PROFILE)
    [held] = new(before)
    call("scancel", held["jobid"])
    unfinished.release()
    unfinished.finish(process)
    assert differing(unfinished.tables(), reference.tables()) == []
    cancelled, again, *_ = new(before)
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
    lost, again, *_ = new(before)
    assert (lost["state"], again["state"]) == ("NODE_FAIL", "COMPLETED")


def test_sites_that_want_another_form(cluster: Cluster, unfinished: Study) -> None:
    """`gres` in place of `gpu`, as the profile's comments say; a partition that does not exist is said at once."""
    form = [
        "--set-resources",
        "sweep_strategies:gpu=0",
        "sweep_strategies:gres=gpu:1",
        "sweep_strategies:slurm_partition=nowhere",
    ]
    output = unfinished.run(*PROFILE, *form, "--retries", "0", ok=False)
    assert "nowhere" in output and "invalid partition" in output.lower()
    before = jobs()
    unfinished.run(*PROFILE, *form[:-1], target=PATIENT)
    assert [row["state"] for row in new(before)] == ["COMPLETED"]
