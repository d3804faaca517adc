"""All tables and figures → the report: one self-contained HTML page."""

from dataclasses import fields
from pathlib import Path

from infohorizon.pipeline.job import Job, run
from infohorizon.report.build import Files, Study, build
from infohorizon.report.runs import commit


def main(job: Job) -> None:
    files = Files(**{field.name: job.input[field.name] for field in fields(Files)})
    study = Study(**job.params.study, commit=commit())
    Path(job.output[0]).write_text(build(files, study), encoding="utf-8")


if __name__ == "__main__":
    run(main, snakemake)
