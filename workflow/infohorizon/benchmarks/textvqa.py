"""TextVQA: questions about text in photographs, ten answers each (Singh et al., arXiv 1904.08920; lmms-lab/textvqa)."""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import Reader, answers, identifier, text, texts
from infohorizon.benchmarks.matching import consensus, normalise, soft_accuracy
from infohorizon.benchmarks.prompts import SHORT


class TextVQA(Task):
    """With `ocr_tokens` the prompt quotes the data set's OCR output, as LLaVA's own evaluation and the paper do."""

    name = "textvqa"
    columns: Mapping[str, Reader] = {
        "question_id": identifier,
        "image_id": identifier,
        "question": text,
        "answers": answers,
        "ocr_tokens": texts,
    }
    defaults: Mapping[str, Any] = {"ocr_tokens": True}

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        ocr = f"\nReference OCR token: {', '.join(row['ocr_tokens'])}" if self.options["ocr_tokens"] else ""
        best = consensus(row["answers"])
        return Question(
            question_id=row["question_id"],
            question=row["question"].capitalize() + ocr + SHORT,
            label=normalise(best) or best,
            answers=row["answers"],
            image_id=row["image_id"],
        )

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return soft_accuracy(answer, answers)
