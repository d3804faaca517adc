"""Prints what the study will cost, from the configuration and the benchmark tables that are already here."""

import sys
from pathlib import Path

from infohorizon.pipeline.job import Job, run
from infohorizon.study.plan import page
from infohorizon.study.sizes import Tables
from infohorizon.study.timings import used


def main(job: Job) -> None:
    pairs = zip(job.input.get("questions", []), job.input.get("images", []), strict=True)
    here = {Path(questions).stem: Tables(questions, images) for questions, images in pairs}
    sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character must not end the plan
    print(page(job.params.configuration, here, list(used(Path(job.params.timings)))))


if __name__ == "__main__":
    run(main, snakemake)
