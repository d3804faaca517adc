"""Schedules and answers tables → figure: score against mean visual tokens."""

from infohorizon.analysis import observations
from infohorizon.figures import style
from infohorizon.figures.schedules import schedules_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    questions = observations.questions(job.input.questions)
    schedules = observations.schedules(job.input.schedules, questions)
    answers = observations.answers(job.input.answers, questions)
    figure = schedules_figure(schedules, answers, job.params.models, job.params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
