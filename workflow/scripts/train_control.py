"""A training of smol-llava that differs in one respect, or continues it: an adapter folder and its curves."""

from pathlib import Path

import torch

from infohorizon.mini.pretrained.folder import shipped_tower
from infohorizon.mini.pretrained.language_model import read
from infohorizon.mini.pretrained.training import continue_from, new_adapter_training, train_adapter
from infohorizon.mini.training.recipe import AdapterRecipe
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    shipped, target, recipe = Path(job.input.adapter).parent, Path(job.output.model), AdapterRecipe(**job.params.recipe)
    training = new_adapter_training(recipe, shipped_tower(shipped), read(Path(job.input.language_model)))
    if recipe.continues:
        continue_from(shipped, training, target)
    curves = job.output.history, job.output.svg, job.output.png
    train_adapter(training, target, curves, lambda record: log.info("%s", record))


if __name__ == "__main__":
    run(main, snakemake)
