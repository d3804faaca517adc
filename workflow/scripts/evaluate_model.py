"""Answers of a trained model on the rendered test splits → metrics.json, its card, and the bundled folder."""

import json
import shutil
import subprocess
from pathlib import Path

import polars as pl
import torch

from infohorizon.mini.rendered.dataset import BENCHMARKS
from infohorizon.mini.rendered.facts import ATTRIBUTES, NAMES
from infohorizon.mini.training.card import card
from infohorizon.mini.training.evaluation import Loaded, evaluate, load_folder, load_questions
from infohorizon.pipeline.job import Job, log, run

TRAINING_CODE = ("workflow/infohorizon/training", "workflow/infohorizon/rendered", "resources/training.yaml")


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    name, recipe = job.wildcards.model, job.params.recipe
    trained, bundled = Path(job.input.model), Path(job.params.folder)
    loaded = load_folder(trained)
    results = {}
    for task in BENCHMARKS:
        results[task] = evaluate(loaded, task, load_questions(task, Path(job.input[task])))
        log.info("%s: %s", task, results[task])
    facts = {
        "model": name,
        "commit": last_commit(),
        "recipe": recipe,
        "provenance": job.params.provenance,
        "sizes": sizes(loaded),
        "training": course(pl.read_csv(job.input.history), recipe["decoder"]["batch"]),
        "validation": last_validation(pl.read_csv(job.input.history)),
        "benchmarks": results,
    }
    Path(job.output.metrics).write_text(json.dumps(facts, indent=2) + "\n")
    bundled.mkdir(parents=True, exist_ok=True)
    for file in trained.glob("[!.]*"):  # Snakemake leaves a hidden file of its own
        shutil.copyfile(file, bundled / file.name)
    shutil.copyfile(job.output.metrics, bundled / "metrics.json")
    (bundled / "README.md").write_text(card(facts))


def sizes(loaded: Loaded) -> dict[str, int]:
    config, model = loaded.model.config, loaded.model
    return {
        "parameters": model.num_parameters(),
        "tower": model.model.vision_tower.num_parameters(),
        "image": config.vision_config.image_size,
        "tokens": config.image_seq_length,
        "layers": config.text_config.num_hidden_layers,
        "width": config.text_config.hidden_size,
        "heads": config.text_config.num_attention_heads,
        "vocabulary": config.text_config.vocab_size,
        "facts": len(NAMES) * len(ATTRIBUTES),
    }


def course(history: pl.DataFrame, batch: int) -> dict[str, float]:
    steps = history["step"].max()
    return {"steps": steps, "seen": steps * batch, "rate": round(1 / (1 / history["images_per_second"]).mean(), 1)}


def last_validation(history: pl.DataFrame) -> dict[str, float]:
    """Exact answers per family of the last validation."""
    last = history.filter(split="validation").row(-1, named=True)
    apart = ("split", "step", "loss", "images_per_second")
    return {family: round(value, 4) for family, value in last.items() if family not in apart and value is not None}


def last_commit() -> str:
    """The last commit that touched what decides the weights."""
    command = ["git", "log", "-1", "--format=%H", "--", *TRAINING_CODE]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"


if __name__ == "__main__":
    run(main, snakemake)
