"""Schedules and metrics tables → figure: each benchmark's own metric against mean visual tokens."""

from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.figures import style
from infohorizon.figures.schedules import schedules_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    questions = observations.questions(job.input.questions)
    schedules = observations.schedules(job.input.schedules, questions)
    metrics = tables.read(job.input.metrics, "metrics")
    figure = schedules_figure(schedules, metrics, job.params.models, job.params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
