"""A model and all questions of the run → checks/{model}.txt, or every question and image that it cannot be asked."""

import json
from pathlib import Path

from infohorizon import models
from infohorizon.atomic import write_text
from infohorizon.errors import UserError, listed
from infohorizon.pipeline.job import Job, run
from infohorizon.study.preflight import check_model, read_data


def main(job: Job) -> None:
    record = json.loads(Path(job.input.model).read_text())
    names = [Path(path).stem for path in job.input.questions]
    pairs = zip(job.input.questions, job.input.images, strict=True)
    data = {name: read_data(*paths) for name, paths in zip(names, pairs, strict=True)}
    folder = models.fetch(record["folder"] or record["source"], record["commit"])
    if faults := check_model(job.wildcards.model, folder, job.config, data):
        raise UserError(f"{listed(faults, 20)}.")
    counts = "".join(f"{name}: {len(asked.questions)} questions\n" for name, asked in data.items())
    write_text(job.output[0], counts)


if __name__ == "__main__":
    run(main, snakemake)
