"""Your own data: columns image, question and answers (a list) or answer; see options for prompt and scoring.

Parquet, Arrow or JSON lines; in JSON lines `image` is a path relative to the folder. Columns question_id, image_id
and category are used where present. The label is the answer most references give, spelled as first given.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Metric, Question, Task
from infohorizon.benchmarks.columns import Reader, answer, answers, identifier, optional_text, text
from infohorizon.benchmarks.matching import anls, consensus, exact, relaxed, soft_accuracy
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form
from infohorizon.errors import UserError

SCORING = {"exact": exact, "soft": soft_accuracy, "anls": anls, "relaxed": relaxed}


class VQA(Task):
    """Options: suffix (added to every question) and scoring.

    scoring: exact (equal to any reference, EvalAI rule), soft (VQA accuracy over ten or so annotators), anls
    (documents) or relaxed (charts).
    """

    name = "vqa"
    columns: Mapping[str, Reader] = {"question": text}
    optional: Mapping[str, Reader] = {
        "answers": answers,
        "answer": answer,
        "question_id": identifier,
        "image_id": identifier,
        "category": optional_text,
    }
    max_new_tokens = 32
    defaults: Mapping[str, Any] = {"suffix": SHORT, "scoring": "exact"}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        scoring = self.options["scoring"]
        if scoring not in SCORING:
            raise UserError(f"Task 'vqa': option 'scoring' is '{scoring}'; set it to one of {', '.join(SCORING)}.")
        self.metrics = (Metric("ANLS" if scoring == "anls" else f"{scoring} accuracy"),)

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        if row["answers"] is None and row["answer"] is None:
            raise UserError("there is neither `answers` nor `answer`; add one of these columns")
        references = row["answers"] or [row["answer"]]
        return Question(
            question_id=row["question_id"] or str(index),
            question=row["question"],
            label=consensus(references),
            answers=references,
            category=row["category"] or "",
            image_id=row["image_id"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        return row["question"] + self.options["suffix"]

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return SCORING[self.options["scoring"]](answer, answers)
