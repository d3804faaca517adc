"""Rendered scenes → one mini model around the pretrained tower, the record of its training and its curves."""

from pathlib import Path

import polars as pl
import torch
from transformers import CLIPVisionModel

from infohorizon.figures import style
from infohorizon.stage import Stage, log, run
from infohorizon.training.curves import curves_figure
from infohorizon.training.decoder import train_model
from infohorizon.training.processor import new_processor
from infohorizon.training.recipe import model_recipe


def main(stage: Stage) -> None:
    torch.set_num_threads(stage.threads)
    name, folder = stage.wildcards.model, Path(stage.output.model)
    # Beside the output, not in it: Snakemake removes the outputs of a job that was killed.
    checkpoint = folder.with_suffix(".checkpoint")
    recipe = model_recipe(stage.params.recipe, name)
    tower = CLIPVisionModel.from_pretrained(stage.input.tower)
    processor = new_processor()
    model, records = train_model(recipe, tower, processor.tokenizer, checkpoint, lambda record: log.info("%s", record))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    history = pl.DataFrame(records, infer_schema_length=None)
    history.write_csv(stage.output.history)
    style.save(curves_figure(history, name), stage.output.svg, stage.output.png)
    checkpoint.unlink(missing_ok=True)


run(main, snakemake)
