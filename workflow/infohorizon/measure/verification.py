"""Rows of a finished study against the naive reference, which knows every removal of tokens (no merging)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image

from infohorizon.measure.downsampling import lowered
from infohorizon.measure.questioner import Settled
from infohorizon.measure.reference import Drop, Naive
from infohorizon.measure.windows import windows
from infohorizon.models.base import VisionLanguageModel

STAGES = ("answers", "downsample", "information", "removals", "sweep", "schedules")
TOLERANCE = 1e-4  # of any row, in probability
# In 16 bit a single row may be far off and a near tie may be answered otherwise, but the mean over rows is small
# (docs/engine.md: bfloat16 is 0.005 off float32, rms). A fault that moves the mean by less than this is not seen.
MEAN_TOLERANCE = {torch.float16: 0.02, torch.bfloat16: 0.05}


@dataclass
class Difference:
    """What comparing some rows found: how many, the mean and the largest difference in probability, how many other
    answers."""

    rows: int = 0
    mean_difference: float = 0.0
    largest_difference: float = 0.0
    other_answers: int = 0

    def add(self, difference: float, other: bool) -> None:
        """One more row."""
        self.rows += 1
        self.mean_difference += (difference - self.mean_difference) / self.rows
        self.largest_difference = float(np.maximum(self.largest_difference, difference))  # NaN stays
        self.other_answers += other

    def bad(self, dtype: torch.dtype) -> bool:
        """Whether it is more than rounding explains."""
        if dtype in MEAN_TOLERANCE:
            return not self.mean_difference <= MEAN_TOLERANCE[dtype]
        return not self.largest_difference <= TOLERANCE or self.other_answers > 0


@dataclass(frozen=True)
class Verifier:
    """Recomputes rows of the stages' tables with transformers' whole forward pass.

    Attributes:
        model: gives prompts, label ids and texts; its engine is not used.
        reference: a transformers model of its own.
        limit: length limit of answers.
        settings: information (section of config.yaml), positions (of the sweep), schedules (with layers resolved),
            merging (names of strategies that merge tokens).
        settled: (question_id, answer so far) → whether the answer ends there; None: answers run to their end.
    """

    model: VisionLanguageModel
    reference: Any
    limit: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    settled: Settled | None = None

    def comparable(self, stage: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a stage's table that dropping tokens explains."""
        merging = list(self.settings["merging"])
        if stage == "sweep":
            none_kept = pl.col("kept").fill_null(pl.lit([], dtype=frame.schema["kept"])).alias("kept")
            frame = frame.with_columns(pl.when(tokens=0).then(none_kept).otherwise("kept"))
            return frame.filter(pl.col("kept").is_not_null(), ~pl.col("strategy").is_in(merging))
        if stage == "schedules":
            plans = self.settings["schedules"].items()
            merged = [name for name, plan in plans if {strategy for _, strategy, _ in plan["stages"]} & set(merging)]
            return frame.filter(pl.col("kept").is_not_null(), ~pl.col("schedule").is_in(merged))
        return frame

    def compare(self, stage: str, rows: Iterable[Mapping[str, Any]], images: Mapping[str, Image.Image]) -> Difference:
        """Recompute rows of a stage's table, joined with their question, label and image_id."""
        found = Difference()
        for row in rows:
            model, image = self.model, images[row["image_id"]]
            if stage == "downsample":
                size = row["width"], row["height"]
                if size != image.size or row["tokens"] != model.tokens(image.size):  # else it is whole
                    model, image = lowered(model, image, size)
            naive = Naive.of(model, self.reference, image, row["question"])
            drops = self._drops(stage, row, naive)
            other = False
            if "answer" in row:
                ids = naive.greedy(self.limit, drops, self.model.stop_ids, self.model.repetition_penalty)
                other = self._answer(row["question_id"], ids) != row["answer"]
            found.add(self._difference(row, naive, drops), other)
        return found

    def _answer(self, question_id: str, ids: list[int]) -> str:
        """The text of an answer, up to where it is settled."""
        whole, settled = self.model.answer_text(ids), self.settled
        if settled is None:
            return whole
        beginnings = (self.model.answer_text(ids[:count]) for count in range(1, len(ids)))
        return next((text for text in beginnings if settled(question_id, text)), whole)

    def _difference(self, row: Mapping[str, Any], naive: Naive, drops: list[Drop]) -> float:
        """Largest difference between a row's probabilities of the label and the reference's."""
        ids = self.model.label_ids(row["label"], row["question"])
        first = float(naive.probabilities(drops)[ids[0]])
        difference = abs(first - row["probability" if "probability" in row else "label_probability"])
        if "answer_probability" not in row:
            return difference
        rest = [float(naive.probabilities(drops, ids[:i])[ids[i]]) for i in range(1, len(ids))]
        return float(np.maximum(difference, abs(first * math.prod(rest) - row["answer_probability"])))

    def _drops(self, stage: str, row: Mapping[str, Any], naive: Naive) -> list[Drop]:
        """What was dropped behind one row of a table."""
        if stage == "downsample":
            return []
        if stage == "answers":
            return [] if row["condition"] == "full" else [Drop(0, [])]
        if stage == "removals":
            kept = range(len(naive.visual)) if row["removal"] == "text" else ()
            return [Drop(row["layer"], list(kept), removal=row["removal"])]
        if stage == "sweep":
            return [Drop(row["layer"], row["kept"], self.settings["positions"])]
        if stage == "schedules":
            plan = self.settings["schedules"][row["schedule"]]
            layers = [layer for layer, _, _ in plan["stages"]]
            return [Drop(layer, kept, plan["positions"]) for layer, kept in zip(layers, row["kept"], strict=True)]
        information = self.settings["information"]
        window = windows(naive.grid, information["window"])[row["window"]].tolist()
        if information["context"] == "image":
            window = sorted(set(range(len(naive.visual))) - set(window))
        return [Drop(row["layer"], window, information["positions"], information["removal"])]
