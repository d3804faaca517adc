"""Schedules that were searched for, and questions of one split → table `schedules`."""

import json
from pathlib import Path

import polars as pl

from infohorizon.pipeline.inputs import open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.pipeline.scheduled import fill_schedules
from infohorizon.study.sharding import in_split, select


def main(job: Job) -> None:
    chosen, seed = job.params.cells, job.params.settings["seed"]

    def of_split(questions: pl.DataFrame) -> pl.DataFrame:
        return in_split(select(questions, chosen["answered"]), job.wildcards.split, seed)

    schedules = json.loads(Path(job.input.candidates).read_text(encoding="utf-8"))["schedules"]
    fill_schedules(job, open_questions(job, chosen["limit"], of_split), schedules)


if __name__ == "__main__":
    run(main, snakemake)
