"""TextVQA: questions about text in photographs, ten answers each (Singh et al., arXiv 1904.08920; lmms-lab/textvqa)."""

from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import Reader, answers, identifier, text, texts
from infohorizon.benchmarks.matching import best_answer, soft_accuracy
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form
from infohorizon.errors import UserError


class TextVQA(Task):
    """Option `label`: `normal`, the consensus as the authors' scorer writes it (lower case, no articles); or `capital`,
    the same with a capital letter, as models write it: of 5000 answers of LLaVA-1.5-13B 3856 begin with one.
    """

    name = "textvqa"
    columns: Mapping[str, Reader] = {
        "question_id": identifier,
        "image_id": identifier,
        "question": text,
        "answers": answers,
        "ocr_tokens": texts,
    }
    defaults: Mapping[str, Any] = {"label": "normal"}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if (label := self.options["label"]) not in ("normal", "capital"):
            raise UserError(f"Task 'textvqa': option 'label' is '{label}'; set it to normal or capital.")

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        label = best_answer(row["answers"])
        return Question(
            question_id=row["question_id"],
            question=row["question"],
            label=label[:1].upper() + label[1:] if self.options["label"] == "capital" else label,
            answers=row["answers"],
            ocr_tokens=row["ocr_tokens"],
            image_id=row["image_id"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        """LLaVA and lmms-eval write the question with one capital, its first letter."""
        question = row["question"] if form.startswith("vlmevalkit") else row["question"].capitalize()
        return question + (f"\nReference OCR token: {', '.join(row['ocr_tokens'])}" if ocr_tokens else "") + SHORT

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return soft_accuracy(answer, answers)
