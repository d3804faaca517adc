"""Answers of a trained model on the rendered test splits → what is known of it, as JSON and as its card."""

import json
from pathlib import Path

import polars as pl
import torch

from infohorizon.mini.pretrained.card import adapter_card
from infohorizon.mini.pretrained.folder import assemble
from infohorizon.mini.pretrained.language_model import read
from infohorizon.mini.pretrained.wheel import SMOLLM2
from infohorizon.mini.training.card import card
from infohorizon.mini.training.evaluation import evaluate, load_folder, load_questions
from infohorizon.mini.training.summary import summarize
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    folder, base = Path(job.input.model), str(job.input.language_model)
    loaded = assemble(folder, read(Path(base)), SMOLLM2) if base else load_folder(folder)
    results = {}
    for place in map(Path, job.input.tests):
        results[place.name] = evaluate(loaded, place.name, load_questions(place.name, place))
        log.info("%s: %s", place.name, results[place.name])
    history = pl.read_csv(job.input.history)
    summary = summarize(job.wildcards.model, job.params.recipe, loaded.model, history, results)
    Path(job.output.metrics).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    Path(job.output.card).write_text((adapter_card if base else card)(summary), encoding="utf-8")


if __name__ == "__main__":
    run(main, snakemake)
