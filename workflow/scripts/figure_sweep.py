"""Sweep, answers and horizon tables → figure: score by layer for every strategy."""

from infohorizon import tables
from infohorizon.figures import data, style
from infohorizon.figures.sweep import sweep_figure
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    params = stage.params
    asked = data.questions(params.questions)
    sweep, answers = data.sweep(params.sweep, asked), data.answers(params.answers, asked)
    horizon = tables.read(stage.input.horizon, "horizon")
    figure = sweep_figure(sweep, answers, horizon, params.models, params.benchmarks)
    style.save(figure, stage.output.svg, stage.output.png)


run(main, snakemake)
