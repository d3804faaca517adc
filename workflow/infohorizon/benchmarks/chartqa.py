"""ChartQA: questions on charts, written by people or by machine (Masry et al., arXiv 2203.10244; lmms-lab/ChartQA)."""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Metric, Question, Task
from infohorizon.benchmarks.columns import Reader, answer, optional_text, text
from infohorizon.benchmarks.matching import relaxed
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form


class ChartQA(Task):
    name = "chartqa"
    columns: Mapping[str, Reader] = {"type": optional_text, "question": text, "answer": answer}
    log_name = "relaxed_overall"
    metrics = (Metric("relaxed accuracy"), Metric("mean of both splits", combine="mean", categories=False))

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=str(index),
            question=row["question"],
            label=row["answer"],
            answers=[row["answer"]],
            category=row["type"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        return row["question"] + ("\nAnswer the question with a single word." if form == "lmms-eval" else SHORT)

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return relaxed(answer, answers)
