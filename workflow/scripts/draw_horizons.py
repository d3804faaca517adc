"""Horizon table → figure: horizons by benchmark and model."""

from infohorizon import tables
from infohorizon.figures import style
from infohorizon.figures.horizon import horizon_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    horizon = tables.read(job.input.horizon, "horizon")
    figure = horizon_figure(horizon, job.params.models, job.params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
