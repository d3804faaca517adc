"""Questions of one split, and images at the lower resolutions of the budgets → table `downsample`."""

import json
from pathlib import Path

import polars as pl

from infohorizon.pipeline.downsampled import fill_downsampled
from infohorizon.pipeline.inputs import open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.study.sharding import in_split, select


def main(job: Job) -> None:
    chosen = job.params.cells

    def of_split(questions: pl.DataFrame) -> pl.DataFrame:
        return in_split(select(questions, chosen["answered"]), job.wildcards.split, chosen["seed"])

    keeps = json.loads(Path(job.input.candidates).read_text(encoding="utf-8"))["downsample"]
    fill_downsampled(job, open_questions(job, chosen["limit"], of_split), keeps)


if __name__ == "__main__":
    run(main, snakemake)
