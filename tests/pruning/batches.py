"""Questions for prune: put to the engine one by one, and to transformers' generate as one padded batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch import Tensor

from infohorizon import strategies
from infohorizon.measure import Asked, Questioner, run_schedule
from infohorizon.strategies.schedule import Schedule, Stage

TOKENS = 6
NEEDY = ("information",)  # an oracle


@dataclass
class Asking:
    """A model twice: the project's, and a plain one of transformers; and questions with their images."""

    model: Any
    plain: Any
    questions: Sequence[tuple[str, Image.Image]]

    def __post_init__(self) -> None:
        self.questioner = Questioner(self.model, self.model.batch(), TOKENS)
        self.asked = [
            Asked(str(number), question, "a", self.model.encode([image])[0])
            for number, (question, image) in enumerate(self.questions)
        ]
        self.traces = [self.questioner.trace(asked) for asked in self.asked]

    def inputs(self, numbers: Sequence[int] | None = None) -> dict[str, Tensor]:
        """What a processor makes of some questions (all), padded in front."""
        rows = []
        for number in range(len(self.questions)) if numbers is None else numbers:
            question, image = self.questions[number]
            ids, count = self.model.token_ids(question), self.model.tokens(image.size)
            start = ids.index(self.model.image_token_id)
            ids = [*ids[:start], *[self.model.image_token_id] * count, *ids[start + 1 :]]
            rows.append(dict(self.model.own_inputs(image, torch.tensor([ids]))))
        longest = max(row["input_ids"].shape[1] for row in rows)
        found = {}
        for name in rows[0]:
            parts = [row[name] for row in rows]
            if name in ("input_ids", "attention_mask", "mm_token_type_ids"):
                pad = self.plain.generation_config.pad_token_id if name == "input_ids" else 0
                parts = [torch.nn.functional.pad(part, (longest - part.shape[1], 0), value=pad) for part in parts]
            found[name] = torch.cat(parts)
        return found

    def engine(self, number: int, schedule: Schedule) -> list[int]:
        """Token ids of the answer to one question under the engine's run of a schedule."""
        used = {stage.strategy: stage.create() for stage in schedule.stages}
        question = self.questioner, self.traces[number], self.asked[number]
        spoken, self.model.answer_text = self.model.answer_text, list
        try:
            return run_schedule(*question, schedule.stages, used, schedule.positions)["answer"]
        finally:
            self.model.answer_text = spoken

    def answers(self, output: Tensor, inputs: dict[str, Tensor]) -> list[list[int]]:
        """Token ids of the answers that generate gave, without what ends them."""
        found = []
        for row in output[:, inputs["input_ids"].shape[1] :].tolist():
            ends = [place for place, token in enumerate(row) if token in self.model.stop_ids]
            found.append(row[: ends[0]] if ends else row)
        return found


def pictures(sizes: Sequence[tuple[int, int]]) -> list[Image.Image]:
    """Images of noise with a coarse structure, (width, height) each."""
    random, found = np.random.default_rng(5), []
    for width, height in sizes:
        coarse = Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8)).resize((width, height))
        noise = random.integers(-60, 60, (height, width, 3))
        found.append(Image.fromarray((np.asarray(coarse) + noise).clip(0, 255).astype(np.uint8)))
    return found


def schedules(model: Any, kept: Path) -> list[Schedule]:
    """For every strategy that needs no oracle two schedules: alone, and in front of two others."""
    depth, lowest = model.depth, 2 if model.model_type == "qwen3_vl" else 0  # DeepStack ends at its layer 1
    found = []
    for name, facts in strategies.REGISTRY.items():
        if name in NEEDY:
            continue
        keep, options = 0 if facts.keeps_none else 0.4, {"file": str(kept)} if name == "kept" else None
        first = Stage(max(facts.first_layer, lowest), name, keep, options)
        found.append(Schedule([first], "original"))
        second = Stage(max(facts.first_layer, 2), name, keep, options)
        rest = [(depth - 2, "random", 4), (depth - 1, "pyramiddrop", 2)]
        found.append(Schedule([second, *(rest if keep else [])], "contiguous"))
    for name, facts in strategies.REGISTRY.items():  # those that read another layer than the one where tokens leave
        if facts.reads not in ("nothing", "layers"):
            found.append(Schedule([(3, "stride", 12), (4, name, 5, {"read": 1}), (5, "random", 3)], "original"))
    return found


def kept_sets(folder: Path, counts: Sequence[int]) -> Path:
    """A file of kept sets for questions 0, 1, …, whose images have so many tokens."""
    sets = [list(range(number, count, 3 + number % 2)) for number, count in enumerate(counts)]
    file = folder / "kept.parquet"
    pl.DataFrame({"question_id": [str(number) for number in range(len(counts))], "kept": sets}).write_parquet(file)
    return file
