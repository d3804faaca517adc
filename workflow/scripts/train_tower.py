"""Rendered scenes → the vision tower, pretrained on patch labels, and the record of its training."""

from pathlib import Path

import polars as pl
import torch

from infohorizon.stage import Stage, log, run
from infohorizon.training.recipe import tower_recipe
from infohorizon.training.tower import train_tower


def main(stage: Stage) -> None:
    torch.set_num_threads(stage.threads)
    folder = Path(stage.output.tower)
    history = Path(stage.output.history)
    # Beside the output, not in it: Snakemake removes the outputs of a job that was killed.
    checkpoint = folder.with_suffix(".checkpoint")
    recipe = tower_recipe(stage.params.recipe)
    tower, records = train_tower(recipe, checkpoint, lambda record: log.info("%s", record))
    tower.save_pretrained(folder)
    pl.DataFrame(records).write_csv(history)
    checkpoint.unlink(missing_ok=True)


run(main, snakemake)
