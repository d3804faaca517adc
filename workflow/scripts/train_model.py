"""Rendered scenes → one mini model around the pretrained tower, the record of its training and its curves."""

from pathlib import Path

import polars as pl
import torch
from transformers import CLIPVisionModel

from infohorizon.figures import style
from infohorizon.mini.training.curves import curves_figure
from infohorizon.mini.training.decoder import train_model
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
    model, records = train_model(recipe, tower, processor.tokenizer, checkpoint, lambda record: log.info("%s", record))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    history = pl.DataFrame(records, infer_schema_length=None)
    history.write_csv(job.output.history)
    style.save(curves_figure(history, name), job.output.svg, job.output.png)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run(main, snakemake)
