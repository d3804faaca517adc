"""Answers, sweep and schedules of a model on a benchmark → per-sample logs in lmms-eval's form, a file a run."""

from pathlib import Path

from infohorizon import tables
from infohorizon.atomic import write_text
from infohorizon.pipeline.inputs import asked, open_task
from infohorizon.pipeline.job import Job, run
from infohorizon.report.exchange import KINDS, samples


def main(job: Job) -> None:
    questions = tables.read(job.input.questions, "benchmark")
    turns = dict(asked(job, questions).select("question_id", "question").iter_rows())
    folder = Path(job.output[0])
    folder.mkdir(parents=True, exist_ok=True)
    for stage in KINDS:
        if paths := job.input.get(stage):
            for name, lines in samples(questions, turns, open_task(job), paths, stage):
                write_text(folder / f"{name}.jsonl", lines)


if __name__ == "__main__":
    run(main, snakemake)
