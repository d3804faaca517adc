"""Schedules and answers tables → figure: score against mean visual tokens."""

from infohorizon.figures import data, style
from infohorizon.figures.schedules import schedules_figure
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    params = stage.params
    asked = data.questions(params.questions)
    schedules, answers = data.schedules(params.schedules, asked), data.answers(params.answers, asked)
    style.save(
        schedules_figure(schedules, answers, params.models, params.benchmarks), stage.output.svg, stage.output.png
    )


run(main, snakemake)
