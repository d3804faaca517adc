"""The terminal's line of progress: jobs, the time so far, and about how long the rest takes."""

import logging

import pytest
from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from infohorizon.pipeline import progress


class Run:
    """Snakemake's events of a run, with a clock that is moved by hand."""

    def __init__(self, monkeypatch, timings, **jobs):
        self.now = 0.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)
        self.logger = logging.Logger("run", logging.INFO)
        self.lines = []
        terminal = logging.StreamHandler(self)
        terminal.setFormatter(DefaultFormatter(quiet=None))
        self.logger.addHandler(terminal)
        progress.word_progress(self.logger, timings)
        self.total, self.done = sum(jobs.values()), 0
        self.event(LogEvent.RUN_INFO, stats={**jobs, "total": self.total})

    def write(self, text):
        self.lines += text.splitlines()

    def flush(self):
        pass

    def event(self, event, **values):
        self.logger.info("", extra={"event": event, **values})

    def start(self, **rules):
        """Jobs start: NAME of the job → its rule."""
        for job, rule in rules.items():
            facts = dict.fromkeys(["reason", "indent"], "") | {"rule_msg": job, "jobid": job, "rule_name": rule}
            self.event(LogEvent.JOB_INFO, **facts)
        self.event(LogEvent.JOB_STARTED, jobs=list(rules))

    def finish(self, job, seconds):
        """A job ends so many seconds later; the line of progress after it."""
        self.now += seconds
        self.done += 1
        self.event(LogEvent.JOB_FINISHED, job_id=job)
        self.event(LogEvent.PROGRESS, done=self.done, total=self.total)
        return self.lines[-1]


def test_a_rule_takes_as_long_as_its_jobs_did(monkeypatch, tmp_path):
    run = Run(monkeypatch, tmp_path, encode=2, sweep=3)
    run.start(a="encode")
    assert run.finish("a", 10) == "1 of 5 jobs done in 00:10, about 00:40 left"  # all that is known: ten seconds a job
    run.start(b="encode")
    run.finish("b", 20)
    run.start(c="sweep")
    assert run.finish("c", 60) == "3 of 5 jobs done in 01:30, about 02:00 left"
    run.start(d="sweep")
    run.finish("d", 60)
    run.start(e="sweep")
    assert run.finish("e", 60) == "5 of 5 jobs done in 03:30"


def test_jobs_that_run_at_a_time(monkeypatch, tmp_path):
    """Two at a time take half as long, and what a running job has already taken is no longer ahead."""
    run = Run(monkeypatch, tmp_path, sweep=6)
    run.start(a="sweep", b="sweep")
    run.finish("a", 60)
    assert run.finish("b", 0) == "2 of 6 jobs done in 01:00, about 02:00 left"
    run.start(c="sweep", d="sweep")
    assert run.finish("c", 30) == "3 of 6 jobs done in 01:30, about 01:00 left"


def test_earlier_runs_tell_how_long_a_rule_takes(monkeypatch, tmp_path):
    for file, seconds in {"sweep/mini/pope/part-0.tsv": 100, "report.tsv": 7}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    run = Run(monkeypatch, tmp_path, encode=1, sweep=2, report=1)
    run.start(a="encode")
    assert run.finish("a", 10) == "1 of 4 jobs done in 00:10, about 03:27 left"


def test_a_failed_job_no_longer_runs(monkeypatch, tmp_path):
    run = Run(monkeypatch, tmp_path, sweep=3)
    run.start(a="sweep", b="sweep")
    run.finish("a", 60)
    run.logger.handlers[0].addFilter(lambda record: record.event != LogEvent.JOB_ERROR)  # its words are Snakemake's
    run.event(LogEvent.JOB_ERROR, jobid="b")
    run.start(c="sweep")
    assert run.finish("c", 60).endswith("about 01:00 left")


def test_the_scheduler_does_not_count_its_steps(monkeypatch, tmp_path):
    run = Run(monkeypatch, tmp_path, encode=1)
    for line in ("Select jobs to execute...", "Execute 2 jobs...", "Building DAG of jobs..."):
        run.logger.info(line)
    assert run.lines[-1] == "Building DAG of jobs..."
    assert not any("xecute" in line for line in run.lines)


def test_loggers_of_other_kinds_keep_their_words(tmp_path):
    logger, handler = logging.Logger("run"), logging.NullHandler()
    logger.addHandler(handler)
    progress.word_progress(logger, tmp_path)
    assert handler.formatter is None


@pytest.mark.parametrize("event", [None, LogEvent.JOB_FINISHED])
def test_events_of_unknown_jobs_are_ignored(monkeypatch, tmp_path, event):
    run = Run(monkeypatch, tmp_path, encode=1)
    run.event(event, job_id="stranger")
    run.start(a="encode")
    assert run.finish("a", 5) == "1 of 1 jobs done in 00:05"
