"""All tables and figures → the report: one self-contained HTML page."""

from pathlib import Path

from infohorizon.pipeline.job import Job, run
from infohorizon.report.build import Inputs, build


def main(job: Job) -> None:
    names = job.params.figures
    inputs = Inputs(
        **job.params.study,
        horizon=job.input.horizon,
        comparison=job.input.comparison,
        figures=dict(zip(names, zip(job.input.svg, job.input.png, strict=True), strict=True)),
    )
    Path(job.output[0]).write_text(build(inputs), encoding="utf-8")


if __name__ == "__main__":
    run(main, snakemake)
