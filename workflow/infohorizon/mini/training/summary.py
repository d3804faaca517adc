"""What is known of a trained model: its sizes, the course of its training and its answers, as metrics.json holds it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from transformers import LlavaForConditionalGeneration

from infohorizon.mini.rendered.facts import ATTRIBUTES, NAMES
from infohorizon.mini.training.recipe import recipe_of

MINI = Path(__file__).resolve().parents[1]  # all code and settings that decide the weights


def summarize(
    name: str,
    recipe: Mapping[str, Any],
    model: LlavaForConditionalGeneration,
    history: pl.DataFrame,
    benchmarks: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Everything that the card states, ready for JSON.

    Args:
        recipe: the part of the recipe that decides the model.
        history: the records of `train_model`, one row each.
        benchmarks: name → what `evaluate` gives.
    """
    return {
        "model": name,
        "commit": last_commit(MINI),
        "recipe": recipe,
        "sizes": sizes(model),
        "training": course(history, recipe_of(dict(recipe), name).batch),
        "validation": last_validation(history),
        "benchmarks": benchmarks,
    }


def sizes(model: LlavaForConditionalGeneration) -> dict[str, int]:
    """Counts of parameters, tokens and layers; the image's side in pixels."""
    config = model.config
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
    """Steps, images seen, and images per second over the whole training."""
    steps = history["step"].max()
    return {"steps": steps, "seen": steps * batch, "rate": round(1 / (1 / history["images_per_second"]).mean(), 1)}


def last_validation(history: pl.DataFrame) -> dict[str, float]:
    """Exact answers per family of the last validation."""
    last = history.filter(split="validation").row(-1, named=True)
    apart = ("split", "step", "loss", "images_per_second")
    return {family: round(value, 4) for family, value in last.items() if family not in apart and value is not None}


def last_commit(folder: Path) -> str:
    """The last commit that touched a folder; "unknown" outside a git checkout."""
    command = ["git", "-C", str(folder), "log", "-1", "--format=%H", "--", "."]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"
    except FileNotFoundError:  # no git on this machine
        return "unknown"
