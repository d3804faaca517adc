"""How well a model folder answers the rendered test splits, with its images and without."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from transformers import AutoProcessor, LlavaForConditionalGeneration, LlavaProcessor

from infohorizon import benchmarks
from infohorizon.analysis import statistics
from infohorizon.analysis.metrics import published
from infohorizon.benchmarks.images import decode
from infohorizon.benchmarks.load import load
from infohorizon.mini.rendered.questions import RenderedQuestion
from infohorizon.mini.training.model import tower_features
from infohorizon.mini.training.packing import Turn, answer_logits, exact_matches, pack

BATCH = 16
RESAMPLES, CONFIDENCE = 2000, 0.95


class Loaded(NamedTuple):
    model: LlavaForConditionalGeneration
    processor: LlavaProcessor


def load_folder(folder: Path) -> Loaded:
    """A model folder as anyone would load it."""
    model = LlavaForConditionalGeneration.from_pretrained(folder).eval()
    return Loaded(model, AutoProcessor.from_pretrained(folder))


def load_questions(task: str, folder: Path, limit: int | None = None) -> pl.DataFrame:
    """One row per question of a rendered test split: `question` is the user turn, `image` its image as PNG bytes."""
    benchmark = load(task, {"source": str(folder), "split": "test", "task": task, "limit": limit})
    rules, questions = benchmarks.create(task), pl.from_arrow(benchmark.questions)
    turns = [rules.prompt(row, "llava") for row in questions.iter_rows(named=True)]
    return questions.with_columns(question=pl.Series(turns, dtype=pl.String)).join(
        pl.from_arrow(benchmark.images), on="image_id", maintain_order="left"
    )


def evaluate(loaded: Loaded, task: str, questions: pl.DataFrame) -> dict[str, Any]:
    """Accuracy of full and blind answers with intervals over images, and the task's own metrics of the full ones."""
    rules = benchmarks.create(task)
    said = generated(loaded, questions, rules.max_new_tokens)
    answered = questions.with_columns(
        pl.Series("answer", said),
        pl.Series("score", map(rules.score, said, questions["answers"].to_list()), dtype=pl.Float64),
    )
    blind = np.array(exactly_answered(loaded, questions, look=False), dtype=np.float64)
    return {
        "questions": len(questions),
        "images": questions["image_id"].n_unique(),
        "full": with_interval(answered["score"].to_numpy(), questions["image_id"].to_numpy()),
        "blind": with_interval(blind, questions["image_id"].to_numpy()),
        "metrics": {
            category or metric: round(value / 100, 4)
            for (metric, category), value in published(rules, answered).items()
        },
    }


@torch.no_grad()
def generated(loaded: Loaded, questions: pl.DataFrame, max_new_tokens: int) -> list[str]:
    """Greedy answers by `generate`, through the processor's chat template: nothing of this project takes part."""
    model, processor = loaded
    answers: list[str] = []
    for batch in questions.iter_slices(BATCH):
        prompts = [
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
            for question in batch["question"]
        ]
        text = [processor.apply_chat_template(prompt, add_generation_prompt=True) for prompt in prompts]
        inputs = processor(images=[decode(png) for png in batch["image"]], text=text, return_tensors="pt", padding=True)
        tokens = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
        answers += processor.batch_decode(tokens[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
    return answers


@torch.no_grad()
def exactly_answered(loaded: Loaded, questions: pl.DataFrame, look: bool = True) -> list[bool]:
    """Whether greedy decoding gives each label and stops; with `look` False no token may attend to the image."""
    model, processor = loaded
    turn = Turn(processor)
    right: list[bool] = []
    images = questions.partition_by("image_id", maintain_order=True)  # whose rows stand together: the order stays
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        pictures = [decode(image["image"][0]) for image in batch]
        pixels = processor.image_processor(pictures, return_tensors="pt").pixel_values
        features = tower_features(model, pixels)
        rows = [
            [RenderedQuestion("", *row, look) for row in image.select("question", "label").iter_rows()]
            for image in batch
        ]
        packed = pack(rows, turn, features.shape[1])
        right += [exact for _, exact in exact_matches(packed, answer_logits(model, packed, features))]
    return right


def with_interval(scores: np.ndarray, images: np.ndarray) -> dict[str, float]:
    """Mean of the scores with its bootstrap interval over images."""
    clusters = statistics.cluster(scores[:, None], images)
    draws = statistics.means(clusters, statistics.resample(len(clusters.sizes), RESAMPLES, seed=0))[:, 0]
    low, high = statistics.percentile_interval(draws[1:], CONFIDENCE)
    return {"accuracy": round(float(draws[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4)}
