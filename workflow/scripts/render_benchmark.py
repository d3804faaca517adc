"""Draws the test split of one rendered benchmark: a folder that `datasets.load_dataset` reads."""

from pathlib import Path

from infohorizon.rendered.dataset import render
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    render(stage.wildcards.task, "test", Path(stage.output[0]))


run(main, snakemake)
