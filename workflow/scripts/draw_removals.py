"""Removals table → figure: usable information by layer for every removal."""

from infohorizon.analysis import observations
from infohorizon.figures import style
from infohorizon.figures.removals import removals_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    removals = observations.removals(job.input.removals, observations.questions(job.input.questions))
    figure = removals_figure(removals, job.params.depths, job.params.models, job.params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
