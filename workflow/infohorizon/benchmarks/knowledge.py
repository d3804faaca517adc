"""Rendered knowledge: four options, a fact learned in training, and a sign in the image that says which fact."""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import Reader, answer, identifier, text, texts
from infohorizon.benchmarks.protocols import Form

LETTERS = "ABCD"


class Knowledge(Task):
    name = "knowledge"
    columns: Mapping[str, Reader] = {
        "question_id": identifier,
        "image_id": identifier,
        "question": text,
        "choices": texts,
        "answer": answer,
        "category": text,
    }
    max_new_tokens = 4

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=row["question_id"],
            question=row["question"],
            label=row["answer"],
            answers=[row["answer"]],
            category=row["category"],
            options=row["choices"],
            image_id=row["image_id"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        options = (f"{letter} {option}" for letter, option in zip(LETTERS, row["options"], strict=True))
        return " ".join([row["question"], *options])

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        """The letter alone counts: the mini models say nothing else."""
        return float(answer.strip() in answers)
