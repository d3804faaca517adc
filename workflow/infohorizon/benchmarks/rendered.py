"""What the rendered benchmarks perception and reading share: columns (rendered/dataset.py), and a row as it stands."""

from collections.abc import Mapping
from typing import Any

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import Reader, answer, identifier, text
from infohorizon.benchmarks.protocols import Form


class Rendered(Task):
    """A question as the row has it, with its one answer as the label."""

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

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        return row["question"]
