"""Sweep, answers and horizon tables → figure: score by layer for every strategy."""

from infohorizon import tables
from infohorizon.analysis import summaries
from infohorizon.figures import style
from infohorizon.figures.sweep import sweep_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    params = job.params
    asked = summaries.questions(params.questions)
    sweep, answers = summaries.sweep(params.sweep, asked), summaries.answers(params.answers, asked)
    horizon = tables.read(job.input.horizon, "horizon")
    figure = sweep_figure(sweep, answers, horizon, params.models, params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
