"""Rendered scenes → what they teach a pretrained language model, as an adapter folder, the record and its curves."""

from pathlib import Path

import torch
from transformers import CLIPVisionModel

from infohorizon.mini.pretrained import folder
from infohorizon.mini.pretrained.language_model import read
from infohorizon.mini.pretrained.training import new_adapter_training
from infohorizon.mini.pretrained.wheel import SMOLLM2
from infohorizon.mini.training.curves import write_history
from infohorizon.mini.training.decoder import train_model
from infohorizon.mini.training.recipe import adapter_recipe
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    name, target = job.wildcards.adapter, Path(job.output.model)
    # Beside the output, not in it: Snakemake removes the outputs of a job that was killed.
    checkpoint = target.with_suffix(".checkpoint")
    tower = CLIPVisionModel.from_pretrained(job.input.tower)
    recipe = adapter_recipe(job.params.recipe, name)
    training = new_adapter_training(recipe, tower, read(Path(job.input.language_model)))
    records = train_model(training, checkpoint, lambda record: log.info("%s", record))
    folder.save(training.model, SMOLLM2, target)
    write_history(records, name, job.output.history, job.output.svg, job.output.png)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run(main, snakemake)
