"""A shorter training of smol-llava that differs from the others in one respect: an adapter folder and its curves."""

from pathlib import Path

import torch

from infohorizon.mini.pretrained.folder import shipped_tower
from infohorizon.mini.pretrained.language_model import read
from infohorizon.mini.pretrained.training import new_adapter_training, train_adapter
from infohorizon.mini.training.recipe import AdapterRecipe
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    tower, recipe = shipped_tower(Path(job.input.adapter).parent), AdapterRecipe(**job.params.recipe)
    training = new_adapter_training(recipe, tower, read(Path(job.input.language_model)))
    curves = job.output.history, job.output.svg, job.output.png
    train_adapter(training, Path(job.output.model), curves, lambda record: log.info("%s", record))


if __name__ == "__main__":
    run(main, snakemake)
