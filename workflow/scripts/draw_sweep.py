"""Metrics and horizon tables → figure: each benchmark's own metric by layer for every strategy."""

from infohorizon import tables
from infohorizon.figures import style
from infohorizon.figures.sweep import sweep_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    metrics, horizon = tables.read(job.input.metrics, "metrics"), tables.read(job.input.horizon, "horizon")
    figure = sweep_figure(metrics, horizon, job.params.models, job.params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
