"""A model and a benchmark → checks/{model}/{benchmark}.txt, or every question and image that it cannot be asked."""

import json
from pathlib import Path

from infohorizon import models
from infohorizon.atomic import write_text
from infohorizon.errors import UserError, listed
from infohorizon.pipeline.job import Job, run
from infohorizon.study.preflight import check_model, read_data


def main(job: Job) -> None:
    record = json.loads(Path(job.input.model).read_text(encoding="utf-8"))
    data = read_data(job.input.questions, job.input.images)
    folder = models.fetch(record["folder"] or record["source"], record["commit"])
    if faults := check_model(job.wildcards.model, folder, job.config, {job.wildcards.benchmark: data}):
        raise UserError(f"{listed(faults, 20)}.")
    write_text(job.output[0], f"{len(data.questions)} questions\n")


if __name__ == "__main__":
    run(main, snakemake)
