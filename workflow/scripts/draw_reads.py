"""Metrics table → figure: each benchmark's own metric by the layer that is read and the layer where tokens leave."""

from infohorizon import tables
from infohorizon.figures import style
from infohorizon.figures.reads import reads_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    metrics, chosen = tables.read(job.input.metrics, "metrics"), job.params
    figure = reads_figure(metrics, chosen.families, chosen.depths, chosen.models, chosen.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
