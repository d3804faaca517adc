"""OCRBench: 1000 questions on reading text, ten kinds (Liu et al., arXiv 2305.07895; echo840/OCRBench)."""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Metric, Question, Task
from infohorizon.benchmarks.columns import Reader, answers, text
from infohorizon.benchmarks.matching import contains, given
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form

TEXT = ("Regular Text", "Irregular Text", "Artistic Text", "Handwriting", "Digit String", "Non-Semantic Text")
FORMULAS = "Handwritten Mathematical Expression Recognition"  # the questions from HME100k, and no others


class OCRBench(Task):
    """The category is the kind of question, which also decides how spaces and case count."""

    name = "ocrbench"
    columns: Mapping[str, Reader] = {"question": text, "question_type": text, "answer": answers}
    max_new_tokens = 128
    metrics = (
        Metric("points", "of 1000", 1000, "share", {"text recognition": [f"{kind} Recognition" for kind in TEXT]}),
        Metric("accuracy"),
    )

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=str(index),
            question=row["question"],
            label=given(row["answer"])[0],
            answers=row["answer"],
            category=row["question_type"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        """On LLaVA the benchmark's own script asks for a short answer."""
        if form == "llava":
            return row["question"] + SHORT
        return row["question"].strip() if form == "lmms-eval" else row["question"]

    def logged(self, row: Mapping[str, Any]) -> dict[str, Any]:
        said = row["answer"].lower().strip()
        found = {"question_type": row["category"], "score": row["score"], "prediction": said}
        return {"ocrbench_accuracy": {**found, "ground_truth": list(row["answers"])}}

    def settled(self, answer: str, answers: Sequence[str]) -> bool:
        """Once the answer contains a reference; in formulas, where spaces count for nothing, it may do so earlier."""
        return contains(answer, answers) == contains(answer, answers, formula=True) == 1

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return contains(answer, answers, formula=category == FORMULAS)
