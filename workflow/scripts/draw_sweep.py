"""Sweep, answers and horizon tables → figure: score by layer for every strategy."""

from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.figures import style
from infohorizon.figures.sweep import sweep_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    questions = observations.questions(job.input.questions)
    sweep = observations.sweep(job.input.sweep, questions)
    answers = observations.answers(job.input.answers, questions)
    horizon = tables.read(job.input.horizon, "horizon")
    figure = sweep_figure(sweep, answers, horizon, job.params.models, job.params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
