"""Rendered scenes → the vision tower, pretrained on patch labels, and the record of its training."""

from pathlib import Path

import polars as pl
import torch

from infohorizon.mini.training.recipe import tower_recipe
from infohorizon.mini.training.tower import train_tower
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    folder = Path(job.output.tower)
    history = Path(job.output.history)
    # Beside the output, not in it: Snakemake removes the outputs of a job that was killed.
    checkpoint = folder.with_suffix(".checkpoint")
    recipe = tower_recipe(job.params.recipe)
    tower, records = train_tower(recipe, checkpoint, lambda record: log.info("%s", record))
    tower.save_pretrained(folder)
    pl.DataFrame(records).write_csv(history)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run(main, snakemake)
