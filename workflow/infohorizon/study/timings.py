"""What finished jobs really took, from Snakemake's benchmark files, beside what the plan said. No torch."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from infohorizon.report.runs import seconds_of


class Used(NamedTuple):
    """A finished job of a rule on one model and benchmark, and its seconds."""

    rule: str
    model: str
    benchmark: str
    seconds: float


def used(folder: Path) -> Iterator[Used]:
    """Jobs of a study's `timings` folder: RULE/MODEL/BENCHMARK/SHARD.tsv."""
    for file in sorted(folder.glob("*/*/*/*.tsv")):
        for seconds in seconds_of(file):
            yield Used(*file.relative_to(folder).parts[:3], seconds=seconds)


def comparison(planned: Mapping[str, Mapping[tuple[str, str], float]], jobs: Sequence[Used]) -> Iterator[str]:
    """Planned against used hours of the jobs that have been run, a line at a time; nothing where none has.

    Args:
        planned: seconds of a job by rule, and by (model, benchmark).
    """
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for job in jobs:
        if (job.model, job.benchmark) in planned.get(job.rule, {}):
            found[job.rule].append((planned[job.rule][job.model, job.benchmark], job.seconds))
    if not found:
        return
    yield "\nJobs that have been run, on whatever they ran (a job that was resumed counts its last run alone):"
    yield f"{'rule':19}{'jobs':>7}{'planned h':>12}{'used h':>12}{'used / planned':>17}"
    for rule, pairs in found.items():
        plan, real = (sum(values) / 3600 for values in zip(*pairs, strict=True))
        yield f"{rule:19}{len(pairs):>7}{plan:>12.2f}{real:>12.2f}{real / plan:>17.2f}"
