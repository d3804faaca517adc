"""smol-llava in bfloat16 against itself in float32: how much faster, and what changes.

    python bench/precision.py results/merged/smol-llava [--questions 24] [--docs docs/engine.md]

Token information, and answers of a sweep, at the layers and on questions of the default study; seconds
of processor time a question, one thread. The folder is what the default study merges.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml
from stages import sweep_settings

from infohorizon import models
from infohorizon.benchmarks import create
from infohorizon.benchmarks.images import decode
from infohorizon.measure.information import token_information
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.sweep import run_sweep
from infohorizon.mini.rendered.dataset import render
from infohorizon.mini.training.evaluation import load_questions
from infohorizon.models.base import VisionLanguageModel
from infohorizon.pipeline.docs import renew
from infohorizon.units import layers_of

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
DTYPES = ("float32", "bfloat16")
COLUMNS = ("benchmark", "work", "float32 s", "bfloat16 s", "ratio", "difference")


class Side:
    """The model in one dtype, with what it is asked to do and the processor time that it has taken."""

    def __init__(self, model: VisionLanguageModel, task: str) -> None:
        self.model, self.seconds = model, 0.0
        self.questioner = Questioner(model, model.batch(), create(task).max_new_tokens)
        self.strategies, self.settings = sweep_settings(CONFIG, model.depth)
        self.layers = layers_of(CONFIG["information"]["layers"], model.depth)

    def asked(self, row: dict[str, Any]) -> Asked:
        image = self.model.encode([decode(row["image"])])[0]
        return Asked(row["question_id"], row["question"], row["label"], image)

    def timed(self, work: Callable[["Side", Asked], Any], row: dict[str, Any]) -> Any:
        asked, start = self.asked(row), time.process_time()
        found = work(self, asked)
        self.seconds += time.process_time() - start
        return found


def information(side: Side, asked: Asked) -> np.ndarray:
    """Of every window at every layer."""
    rows = token_information(side.model, asked, side.layers, side.questioner.batch)
    return np.array([row["information"] for row in rows])


def answers(side: Side, asked: Asked) -> list[str]:
    """Of every setting of the sweep."""
    trace = side.questioner.trace(asked)
    return [row["answer"] for row in run_sweep(side.questioner, trace, asked, side.strategies, side.settings)]


def compared(loaded: Sequence[VisionLanguageModel], task: str, rows: list[dict[str, Any]]) -> list[str]:
    """The table's lines of one benchmark."""
    lines = []
    for work in (information, answers):
        sides, rules = [Side(model, task) for model in loaded], create(task)
        for side in sides:  # once before it counts
            work(side, side.asked(rows[0]))
        found = [[side.timed(work, row) for side in sides] for row in rows]  # in turns
        wide, half = (np.array(one) for one in zip(*found, strict=True))
        if work is information:
            difference = f"{np.sqrt(np.square(wide - half).mean()):.1g} rms, {np.abs(wide - half).max():.1g} at most"
        else:
            labels = np.repeat([row["answers"][0] for row in rows], wide.shape[1])
            pairs = zip(wide.flat, half.flat, labels, strict=True)
            other = sum(rules.score(one, [label]) != rules.score(two, [label]) for one, two, label in pairs)
            difference = f"{(wide != half).sum()} of {wide.size} answers, {other} scores"
        first, second = (side.seconds / len(rows) for side in sides)
        lines.append(
            f"| {task} | {work.__name__} | {first:.2f} | {second:.2f} | {first / second:.1f}× | {difference} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="results/merged/smol-llava")
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--docs", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    loaded = [models.load(chosen.folder, {"dtype": dtype, "device": "cpu"}) for dtype in DTYPES]
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for task in CONFIG["run"]["benchmarks"]:
        with TemporaryDirectory() as data:
            render(task, "test", Path(data))
            rows = load_questions(task, Path(data), limit=chosen.questions).to_dicts()
        lines += compared(loaded, task, rows)
    if chosen.docs:
        renew(chosen.docs, "precision", "\n".join(lines), "bench/precision.py")


if __name__ == "__main__":
    main()
