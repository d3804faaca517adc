"""Horizon table → figure: horizons by benchmark and model."""

from infohorizon import tables
from infohorizon.figures import style
from infohorizon.figures.horizon import horizon_figure
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    horizon = tables.read(stage.input.horizon, "horizon")
    figure = horizon_figure(horizon, stage.params.models, stage.params.benchmarks)
    style.save(figure, stage.output.svg, stage.output.png)


run(main, snakemake)
