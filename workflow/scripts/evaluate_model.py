"""Answers of a trained model on the rendered test splits → what is known of it, as JSON and as its card."""

import json
from pathlib import Path

import polars as pl
import torch

from infohorizon.mini.rendered.dataset import BENCHMARKS
from infohorizon.mini.training.card import card
from infohorizon.mini.training.evaluation import evaluate, load_folder, load_questions
from infohorizon.mini.training.summary import summarize
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    loaded = load_folder(Path(job.input.model))
    results = {}
    for task in BENCHMARKS:
        results[task] = evaluate(loaded, task, load_questions(task, Path(job.input[task])))
        log.info("%s: %s", task, results[task])
    history = pl.read_csv(job.input.history)
    summary = summarize(job.wildcards.model, job.params.recipe, loaded.model, history, results)
    Path(job.output.metrics).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    Path(job.output.card).write_text(card(summary), encoding="utf-8")


if __name__ == "__main__":
    run(main, snakemake)
