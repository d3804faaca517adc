"""What the jobs of a study left beside its tables: how long they ran, when, and on what; and the workflow's commit."""

import csv
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import infohorizon

# `2026-11-26 16:21:43,659 mini-llava on vm, cpu, float32`, as pipeline/inputs.py logs it; the host stays off the page.
RUNS_ON = re.compile(r"^\d{4}-\d\d-\d\d \S+ (\S+) on [^\s,]+, (.+, (?:float|bfloat)\d+)$", re.M)
# Rules whose hours are not the page's: its own of an earlier time, and what is no part of `snakemake all`.
ASIDE = ("build_report", "train_", "evaluate_", "verify", "search_", "try_", "recommend_")
HEAD = 20_000  # characters of a log in which a job says where it runs


def facts(
    folder: str | Path, models: Sequence[str], tasks: Mapping[str, str], commit: str = ""
) -> list[tuple[str, str]]:
    """Name and text of each fact that is known, for the head of the page.

    Args:
        folder: the study's results, with `timings/` and `logs/`; what is not there is not said.
        models: those of the study; the folder may hold timings and logs of others.
        tasks: benchmark → task, of the study's benchmarks; the folder may hold timings of others.
        commit: of the workflow that made the page; may be empty.
    """
    own = [("Commit of the workflow", commit)] * bool(commit)
    if not folder:
        return own
    found = []
    spans = [span for file in _of_jobs(Path(folder) / "timings", "tsv", models, tasks) for span in _span(file)]
    if spans:
        first, last = min(start for start, _ in spans), max(end for _, end in spans)
        found.append(("When", _period(first, last)))
        found.append(("Computing time", _duration(sum((end - start for start, end in spans), timedelta()), len(spans))))
    if devices := _devices(_of_jobs(Path(folder) / "logs", "log", models, tasks), models):
        found.append(("Device", "; ".join(f"{model}: {' and '.join(names)}" for model, names in devices.items())))
    return found + own


def commit() -> str:
    """The workflow's commit, with `-dirty` where files differ from it; empty outside a git checkout."""
    command = ["git", "-C", str(Path(infohorizon.__file__).parent), "describe", "--always", "--dirty", "--tags"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _of_jobs(folder: Path, suffix: str, models: Sequence[str], tasks: Mapping[str, str]) -> Iterator[Path]:
    """Files of the jobs behind the page: RULE.tsv (or .log), RULE/NAME.tsv, or RULE/MODEL/BENCHMARK/SHARD.tsv.

    NAME is a model (fetch_model), a benchmark (build_benchmark) or a task (render_benchmark).
    """
    alone = {(name,) for name in (*models, *tasks, *tasks.values())}
    known = {(), *alone, *product(models, tasks)}
    for file in sorted(folder.glob(f"**/*.{suffix}")):
        rule, *names = file.relative_to(folder).with_suffix("").parts
        if not rule.startswith(ASIDE) and tuple(names[:2]) in known:
            yield file


def _span(file: Path) -> Iterator[tuple[datetime, datetime]]:
    """Start and end of the job that wrote this timing."""
    end = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    for seconds in seconds_of(file):
        yield end - timedelta(seconds=seconds), end


def seconds_of(timing: Path) -> Iterator[float]:
    """Of each line of a job's benchmark file that says how long it ran."""
    with timing.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            with suppress(KeyError, TypeError, ValueError):  # "NA", or a job that was killed while it wrote
                yield float(row["s"])


def _devices(logs: Iterable[Path], models: Sequence[str]) -> dict[str, list[str]]:
    """Model → every device and dtype that its jobs ran on."""
    found: dict[str, set[str]] = {}
    for file in logs:
        with file.open(encoding="utf-8", errors="replace") as text:
            for model, where in RUNS_ON.findall(text.read(HEAD)):
                found.setdefault(model, set()).add(where)
    return {model: sorted(found[model]) for model in models if model in found}


def _period(first: datetime, last: datetime) -> str:
    """The days and minutes between which the tables were made."""
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {end} UTC"


def _duration(total: timedelta, jobs: int) -> str:
    hours = total.total_seconds() / 3600
    many = f"{jobs} job{'s' if jobs != 1 else ''}"
    return f"{hours:.1f} hours in {many}" if hours >= 1 else f"{60 * hours:.0f} minutes in {many}"
