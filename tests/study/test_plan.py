"""The plan adds up, has the jobs of the study's DAG, and is printed and not written."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml
from snakemake.utils import update_config
from tiny_study import LOAD, ROOT, configuration

from infohorizon import tables
from infohorizon.benchmarks.load import load
from infohorizon.mini.rendered.dataset import render
from infohorizon.study import cost, rates
from infohorizon.study.catalogue import BENCHMARKS
from infohorizon.study.plan import COSTS, Row, cost_seconds, page, plan, remarks, table, trials
from infohorizon.study.rules import answer_questions, try_schedules
from infohorizon.study.timings import comparison, used


def test_plan_counts_jobs_and_adds_up():
    config = configuration(shards=3, sweep={"strategies": ["random", "fastv"], "layers": [1], "limit": None})
    config |= {"schedules": {"half": {"stages": [[1, "fastv", 4]]}}, "schedule_run": {"names": "all"}}
    loads = [LOAD, replace(LOAD, benchmark="c", size=BENCHMARKS["mme"])]
    rows = {row.rule: row for row in plan(config, loads)}
    jobs = {"fetch_model": 1, "build_benchmark": 2, "encode_images": 6, "answer_questions": 6}
    jobs |= {
        "answer_downsampled": 6,
        "measure_information": 6,
        "measure_removals": 6,
        "measure_states": 6,
        "sweep_strategies": 6,
        "run_schedules": 6,
    }
    assert {name: row.jobs for name, row in rows.items()} == jobs
    stored = 612 * 2
    answers = answer_questions(loads[1], config)
    work = rates.work_seconds("answer_questions", "H100", answers.flops, answers.layers, 2)
    decoding = rates.decode_seconds("H100", LOAD.shape, stored, answers.steps, answers.decoded)
    longest = cost.start_seconds(stored) + (work + decoding) / 3
    assert rows["answer_questions"].longest == pytest.approx(longest)
    assert rows["answer_questions"].each["m", "c"] == rows["answer_questions"].longest
    assert rows["encode_images"].disk == (1187 + 4) * 288
    assert rows["encode_images"].memory == cost.weight_bytes(LOAD.shape, 2) < rows["answer_questions"].memory
    lines = list(table(list(rows.values())))
    assert rows["measure_states"].memory > rows["measure_removals"].memory
    assert len(lines) == 12 and lines[-1].split()[:2] == ["total", "51"]


def test_the_plan_says_which_job_is_the_longest_and_where_it_does_not_fit():
    config = configuration(longest_job=1, shards=1)
    rows = [Row("a", 1, memory=90e9, each={("m", "b"): 59.0, ("m", "c"): 7200.0}), Row("d", 1, each={("n", "b"): 61.0})]
    first, *more = remarks(rows, config)
    assert first == "Hours are those of one H100. The longest job is a of m on c: 2.0 h."
    assert more == [
        "That is more than longest_job (1 min) allows: raise `shards`.",
        "90 GB are needed, more than one H100 has (80 GB).",
    ]
    assert len(list(remarks(rows, {**config, "longest_job": None, "plan": {"card": "H200"}}))) == 1


def test_jobs_that_have_been_run_are_compared_with_the_plan(tmp_path):
    for name, seconds in (
        ("a/m/b/0", "3600"),
        ("a/m/b/1", "1800"),
        ("a/m/gone/0", "5"),
        ("train/x", "9"),
        ("a/m/b/2", "-"),
    ):
        file = tmp_path / f"{name}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t10\n")
    jobs = list(used(tmp_path))
    assert [(job.rule, job.benchmark, job.seconds) for job in jobs] == [
        ("a", "b", 3600),
        ("a", "b", 1800),
        ("a", "gone", 5),
    ]
    lines = list(comparison({"a": {("m", "b"): 1800.0}}, jobs))
    assert lines[-1].split() == ["a", "2", "1.00", "1.50", "1.50"]
    assert list(comparison({"other": {("m", "b"): 1.0}}, jobs)) == []


def test_without_schedules_removals_and_smaller_images_none_are_planned():
    config = configuration(schedule_run={"names": []}, removals={"names": []}, answers={"downsample": []})
    assert not {"run_schedules", "measure_removals", "answer_downsampled"} & {row.rule for row in plan(config, [LOAD])}


def test_recommend_is_planned_apart():
    config = configuration(shards=3)
    rows = {row.rule: row for row in trials(config, [LOAD, replace(LOAD, benchmark="c")])}
    assert {name: row.jobs for name, row in rows.items()} == {"try_schedules": 12, "try_downsampled": 12}
    card, start = config["plan"]["card"], cost.start_seconds(612 * 2)
    found = [try_schedules(LOAD, config, split) for split in ("search", "held-out")]
    each = [cost_seconds("try_schedules", one, LOAD, card) for one in found]
    assert rows["try_schedules"].seconds == pytest.approx(2 * sum(3 * start + seconds for seconds in each))
    assert rows["try_schedules"].longest == pytest.approx(start + max(each) / 3)
    assert not rows.keys() & COSTS.keys()


def snakemake(*arguments):
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_papers_plan_has_the_jobs_of_its_dag(tmp_path):
    """A dry run of the whole study, and its plan, which need nothing that is not in the repository."""
    arguments = ("--configfile", "studies/paper.yaml", "--config", f"results={tmp_path}/results")
    dag = dict(re.findall(r"^(\w+) +(\d+)$", snakemake("--dry-run", *arguments), re.MULTILINE))
    study = yaml.safe_load((ROOT / "studies/paper.yaml").read_text(encoding="utf-8"))
    sections = ("answers", "information", "removals", "states", "sweep", "schedule_run")
    config = configuration(**{section: study[section] for section in sections})
    config |= {"shards": study["shards"], "schedules": config["schedules"] | study["schedules"]}
    loads = [
        replace(LOAD, model=model, benchmark=benchmark)
        for model in study["run"]["models"]
        for benchmark in study["run"]["benchmarks"]
    ]
    rows = {row.rule: str(row.jobs) for row in plan(config, loads)}
    assert rows.items() <= dag.items()
    printed = snakemake("plan", *arguments)
    assert dict(re.findall(r"^(\w+) +(\d+) ", printed, re.MULTILINE)).items() >= rows.items()
    assert re.search(
        r"^Hours are those of one H100. The longest job is \w+ of [\w.-]+ on \w+: \d", printed, re.MULTILINE
    )
    assert "mme (from the catalogue): 2374 questions, 1187 images; visual tokens of each: llava-1.5-7b 576" in printed


@pytest.mark.parametrize(
    ("study", "file", "sentence"),
    [
        ("paper", "docs/paper.md", r"total +776 +{total} "),
        ("lean", "docs/paper.md", "for {total} planned hours of one H100"),
        ("ladder", "studies/ladder.yaml", "175 jobs, {total} hours of an H100"),
        ("laptop", "studies/laptop.yaml", "It says {total} hours of an H100"),
    ],
)
def test_pages_and_studies_say_the_hours_of_the_plan(study, file, sentence):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(config, yaml.safe_load((ROOT / f"studies/{study}.yaml").read_text(encoding="utf-8")))
    total = re.search(r"^total +\d+ +([\d.]+)", page(config, {}), re.M)[1]
    assert re.search(sentence.format(total=re.escape(total)), (ROOT / file).read_text())


def test_a_plan_counts_the_tables_that_are_here_and_makes_none(tmp_path):
    """Even where everything that is out of date would run again."""
    render("reading", "test", tmp_path / "data")
    loaded = load("reading", {"source": str(tmp_path / "data"), "split": "test", "limit": 50})
    here = tmp_path / "results" / "benchmarks"
    tables.write(here / "mine.arrow", "benchmark", loaded.questions, {})
    tables.write(here / "mine.images.arrow", "images", loaded.images, {})
    benchmarks = {"mine": {"source": str(tmp_path / "data"), "task": "reading"}}
    study = {
        "results": f"{tmp_path}/results",
        "run": {"models": ["mini-llava"], "benchmarks": ["mine", "perception"]},
        "benchmarks": benchmarks,
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    for option in ("--rerun-incomplete", "--forceall"):
        printed = snakemake("plan", option, "--configfile", str(tmp_path / "study.yaml"))
        assert f"mine (counted): {len(loaded.questions)} questions, {len(loaded.images)} images" in printed
        assert "perception (from the catalogue)" in printed
    made = {str(path.relative_to(tmp_path / "results")) for path in (tmp_path / "results").rglob("*.*")}
    assert made == {"benchmarks/mine.arrow", "benchmarks/mine.images.arrow", "logs/plan.log"}
