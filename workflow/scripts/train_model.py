"""Rendered scenes → one mini model around the pretrained tower, the record of its training and its curves."""

from pathlib import Path

import torch
from transformers import CLIPVisionModel

from infohorizon.mini.training.curves import write_history
from infohorizon.mini.training.decoder import new_training, train_model
from infohorizon.mini.training.processor import new_processor
from infohorizon.mini.training.recipe import model_recipe
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    name, folder = job.wildcards.model, Path(job.output.model)
    # Beside the output, not in it: Snakemake removes the outputs of a job that was killed.
    checkpoint = folder.with_suffix(".checkpoint")
    recipe = model_recipe(job.params.recipe, name)
    tower = CLIPVisionModel.from_pretrained(job.input.tower)
    processor = new_processor()
    training = new_training(recipe, tower, processor)
    records = train_model(training, checkpoint, lambda record: log.info("%s", record))
    training.model.save_pretrained(folder)
    processor.save_pretrained(folder)
    write_history(records, name, job.output.history, job.output.svg, job.output.png)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run(main, snakemake)
