"""Information and horizon tables → figure: token information by layer."""

from infohorizon import tables
from infohorizon.figures import data, style
from infohorizon.figures.information import information_figure
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    params = stage.params
    information = data.information(params.information, data.questions(params.questions))
    horizon = tables.read(stage.input.horizon, "horizon")
    figure = information_figure(information, horizon, params.models, params.benchmarks)
    style.save(figure, stage.output.svg, stage.output.png)


run(main, snakemake)
