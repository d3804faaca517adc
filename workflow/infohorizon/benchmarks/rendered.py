"""What rendered benchmarks share: columns (rendered/dataset.py), a row as it stands, and exact match."""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import Reader, answer, identifier, text
from infohorizon.benchmarks.protocols import Form


class Rendered(Task):
    """A question as the row has it, with its one answer as the label; exact match, but for space around it."""

    columns: Mapping[str, Reader] = {
        "question_id": identifier,
        "image_id": identifier,
        "question": text,
        "answer": answer,
        "category": text,
    }

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
        return float(answer.strip() in answers)

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        return row["question"]
