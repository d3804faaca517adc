"""Schedules and answers tables → figure: score against mean visual tokens."""

from infohorizon.analysis import summaries
from infohorizon.figures import style
from infohorizon.figures.schedules import schedules_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    params = job.params
    asked = summaries.questions(params.questions)
    schedules, answers = summaries.schedules(params.schedules, asked), summaries.answers(params.answers, asked)
    style.save(schedules_figure(schedules, answers, params.models, params.benchmarks), job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
