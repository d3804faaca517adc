"""Draws the test split of one rendered benchmark: a folder that `datasets.load_dataset` reads."""

from pathlib import Path

from infohorizon.mini.rendered.dataset import render
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    render(job.wildcards.task, "test", Path(job.output[0]))


if __name__ == "__main__":
    run(main, snakemake)
