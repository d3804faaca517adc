"""Rendered reading: three characters, at a place or in a colour that the question names (rendered/questions.py)."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.matching import mean_by_category


class Reading(Task):
    """Exact match, spaces and case ignored: the mini models say one character per token."""

    name = "reading"
    columns = ("question_id", "image_id", "question", "answer", "category")
    max_new_tokens = 8

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=row["question_id"],
            question=row["question"],
            label=row["answer"],
            answers=[row["answer"]],
            category=row["category"],
            image_id=row["image_id"],
        )

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(compact(answer) in map(compact, answers))

    def metrics(self, frame: pl.DataFrame) -> dict[str, float]:
        """accuracy, the share of characters that stand where they should, then the accuracy by category."""
        characters = [
            sum(a == b for a, b in zip(compact(answer), compact(answers[0]), strict=False)) / len(compact(answers[0]))
            for answer, answers in frame.select("answer", "answers").iter_rows()
        ]
        return {
            self.metric: float(frame["score"].mean()),
            "characters": sum(characters) / len(characters),
            **mean_by_category(frame),
        }


def compact(text: str) -> str:
    """Without spaces, in capitals."""
    return "".join(text.split()).upper()
