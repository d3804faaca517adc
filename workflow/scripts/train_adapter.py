"""Rendered scenes → what they teach a pretrained language model, as an adapter folder, the record and its curves."""

from pathlib import Path

import torch
from transformers import CLIPVisionModel

from infohorizon.mini.pretrained.language_model import read
from infohorizon.mini.pretrained.training import new_adapter_training, train_adapter
from infohorizon.mini.training.recipe import adapter_recipe
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    tower = CLIPVisionModel.from_pretrained(job.input.tower)
    recipe = adapter_recipe(job.params.recipe, job.wildcards.adapter)
    training = new_adapter_training(recipe, tower, read(Path(job.input.language_model)))
    curves = job.output.history, job.output.svg, job.output.png
    train_adapter(training, Path(job.output.model), curves, lambda record: log.info("%s", record))


if __name__ == "__main__":
    run(main, snakemake)
