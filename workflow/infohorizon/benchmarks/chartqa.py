"""ChartQA: questions on charts, written by people or by machine (Masry et al., arXiv 2203.10244; lmms-lab/ChartQA)."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.matching import mean_by_category, relaxed


class ChartQA(Task):
    name = "chartqa"
    columns = ("type", "question", "answer")
    metric = "relaxed accuracy"

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=str(index),
            question=row["question"] + "\nAnswer the question with a single word.",
            label=row["answer"],
            answers=[row["answer"]],
            category=row["type"],
        )

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return relaxed(answer, answers)

    def metrics(self, frame: pl.DataFrame) -> dict[str, float]:
        """relaxed accuracy, then that of human_test and augmented_test."""
        return {self.metric: float(frame["score"].mean()), **mean_by_category(frame)}
