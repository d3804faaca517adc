"""GQA: compositional questions on scenes (Hudson & Manning, arXiv 1902.09506; lmms-lab/GQA, split testdev).

Questions and images are two configs of the data set, joined by imageId = id.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import Reader, answer, identifier, text
from infohorizon.benchmarks.matching import equal_words
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form


class GQA(Task):
    """The label is capitalised, as LLaVA-1.5 and Qwen2.5-VL answer ("Yes", "Left"); the data set has lower case."""

    name = "gqa"
    columns: Mapping[str, Reader] = {"id": identifier, "imageId": identifier, "question": text, "answer": answer}
    scorers = ("lmms-eval", "llava", "vlmevalkit")
    defaults: Mapping[str, Any] = {"images_config": "testdev_balanced_images"}

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=row["id"],
            question=row["question"],
            label=row["answer"].capitalize(),
            answers=[row["answer"]],
            image_id=row["imageId"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        return row["question"] + SHORT

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        """llava: full stops at the end do not count, all else does; vlmevalkit: nothing but case and white space."""
        if self.scorer == "llava":
            return float(answer.rstrip(".").lower() == answers[0].lower() and bool(answer))
        if self.scorer == "vlmevalkit":
            return float(answer.strip().lower() == answers[0].strip().lower())
        return equal_words(answer, answers)
