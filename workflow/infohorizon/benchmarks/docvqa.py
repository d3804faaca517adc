"""DocVQA: questions on scanned documents (Mathew et al., arXiv 2007.00398; lmms-lab/DocVQA, config DocVQA)."""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Metric, Question, Task
from infohorizon.benchmarks.columns import Reader, answers, identifier, text
from infohorizon.benchmarks.matching import anls, given
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form


class DocVQA(Task):
    """The label is the first reference as in the document, case included."""

    name = "docvqa"
    columns: Mapping[str, Reader] = {"questionId": identifier, "question": text, "answers": answers}
    max_new_tokens = 32
    metrics = (Metric("ANLS"),)
    log_name = "anls"

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=row["questionId"],
            question=row["question"],
            label=given(row["answers"])[0],
            answers=row["answers"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        return row["question"] + SHORT

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return anls(answer, answers)
