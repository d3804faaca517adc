"""All tables and figures → the report: one self-contained HTML page."""

from pathlib import Path

from infohorizon.report.build import Inputs, build
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    names = stage.params.figures
    inputs = Inputs(
        **stage.params.study,
        horizon=stage.input.horizon,
        comparison=stage.input.comparison,
        figures=dict(zip(names, zip(stage.input.svg, stage.input.png, strict=True), strict=True)),
    )
    Path(stage.output[0]).write_text(build(inputs), encoding="utf-8")


run(main, snakemake)
