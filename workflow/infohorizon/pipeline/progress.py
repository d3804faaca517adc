"""How far a run of Snakemake is: jobs done, the time it took, and about how long the rest will take."""

import logging
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from infohorizon.report.runs import seconds_of

STEPS = ("Select jobs to execute...", "Execute ")  # what the scheduler says of itself before each job


class Progress(logging.Handler):
    """Listens to Snakemake's own events and words its line of progress.

    A job that waits is expected to take as long as its rule's jobs have taken on average: those of this run, else those
    of earlier ones (`timings/` in the results), else the jobs of this run's other rules. As many jobs are expected to
    run at a time as have so far.
    """

    def __init__(self, timings: Path) -> None:
        super().__init__()
        self.timings, self.started = timings, time.monotonic()
        self.waiting: Counter[str] = Counter()
        self.rule_of: dict[int, str] = {}
        self.running: dict[int, float] = {}
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the books of one event; others are ignored."""
        event, values, now = str(getattr(record, "event", "")), record.__dict__, time.monotonic()
        if event == "run_info":
            self.waiting = Counter({rule: jobs for rule, jobs in values["stats"].items() if rule != "total"})
        elif event == "job_info":
            self.rule_of[values["jobid"]] = values["rule_name"]
        elif event == "job_started":
            self.running |= dict.fromkeys(values["jobs"], now)
        elif event == "job_finished" and (began := self.running.pop(values["job_id"], None)) is not None:
            rule = self.rule_of.get(values["job_id"], "")
            self.seconds[rule].append(now - began)
            self.waiting[rule] -= 1
        elif event == "job_error":
            self.running.pop(values["jobid"], None)  # it waits: it may be tried again

    def format(self, record: Any) -> str:
        """The line, for Snakemake's event of progress (a mapping with `done` and `total`)."""
        so_far = time.monotonic() - self.started
        line = f"{record['done']} of {record['total']} jobs done in {tqdm.format_interval(so_far)}"
        left = self.left()
        return line if left is None else f"{line}, about {tqdm.format_interval(left)} left"

    def left(self) -> float | None:
        """Seconds until the last job ends; None before the first has ended, and when none is left."""
        ended = [seconds for jobs in self.seconds.values() for seconds in jobs]
        jobs = sum(count for count in self.waiting.values() if count > 0)
        if not ended or not jobs:
            return None
        now = time.monotonic()
        spent = [now - began for began in self.running.values()]
        usual = sum(ended) / len(ended)
        work = sum(count * self.expected(rule, usual) for rule, count in self.waiting.items() if count > 0)
        at_a_time = max(1.0, (sum(ended) + sum(spent)) / (now - self.started))
        return max(0.0, work - sum(spent)) / at_a_time

    def expected(self, rule: str, usual: float) -> float:
        """Seconds that a job of a rule takes on average; `usual` where none is known."""
        seconds = self.seconds.get(rule) or self.earlier(rule)
        return sum(seconds) / len(seconds) if seconds else usual

    def earlier(self, rule: str) -> list[float]:
        """Seconds of a rule's jobs in earlier runs, from Snakemake's benchmark files."""
        files = [*self.timings.glob(f"{rule}.tsv"), *self.timings.glob(f"{rule}/**/*.tsv")]
        return [seconds for file in files for seconds in seconds_of(file)]


def word_progress(logger: logging.Logger, timings: Path) -> None:
    """Let the terminal's line of progress say how long a run takes, and leave out the scheduler's own steps.

    Loggers that come as plugins stay as they are.
    """
    progress = Progress(timings)
    for handler in list(logger.handlers):
        if isinstance(handler, logging.StreamHandler) and hasattr(handler.formatter, "format_progress"):
            handler.formatter.format_progress = progress.format
            handler.addFilter(lambda record: not str(record.msg).startswith(STEPS))
    logger.addHandler(progress)
