"""What the rendered benchmarks perception and reading share: columns (rendered/dataset.py), and a row as it stands."""

from collections.abc import Mapping
from typing import Any

from infohorizon.benchmarks.base import Question, Task


class Rendered(Task):
    """A question as the row has it, with its one answer as the label."""

    columns = ("question_id", "image_id", "question", "answer", "category")

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=row["question_id"],
            question=row["question"],
            label=row["answer"],
            answers=[row["answer"]],
            category=row["category"],
            image_id=row["image_id"],
        )
