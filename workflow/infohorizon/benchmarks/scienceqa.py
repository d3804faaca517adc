"""ScienceQA, questions with an image (Lu et al., arXiv 2209.09513; lmms-lab/ScienceQA, config ScienceQA-IMG)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import Reader, optional_text, text, texts, whole
from infohorizon.benchmarks.prompts import LETTER, lettered, select
from infohorizon.benchmarks.protocols import Form
from infohorizon.errors import UserError


class ScienceQA(Task):
    """`answer` is the index of the right choice; the label is its letter."""

    name = "scienceqa"
    columns: Mapping[str, Reader] = {
        "question": text,
        "choices": texts,
        "answer": whole,
        "hint": optional_text,
        "subject": optional_text,
    }

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        choices = lettered(row["choices"])
        if not 0 <= row["answer"] < len(choices):
            raise UserError(f"column 'answer' is {row['answer']}, but the {len(choices)} choices count from 0")
        letter = choices[row["answer"]][0]
        return Question(
            question_id=str(index),
            question=row["question"],
            label=letter,
            answers=[letter],
            category=row["subject"],
            hint=row["hint"],
            options=row["choices"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        hint, question, options = row["hint"], row["question"], row["options"]
        if form == "vlmevalkit":
            return select(hint, question, options)
        context = f"Context: {hint}\n" if hint else ""
        return "\n".join([context + question, *lettered(options)]) + LETTER

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(chosen(answer) == answers[0])


def chosen(answer: str) -> str | None:
    """The letter an answer names: "B" or "b" alone, "B." at the beginning, or one "The answer is B."; else None."""
    answer = answer.strip()
    if re.fullmatch("[A-Za-z]", answer):
        return answer.upper()
    if named := re.match(r"([A-Z])\.", answer):
        return named[1]
    named = re.findall(r"The answer is ([A-Z])\.", answer)
    return named[0] if len(named) == 1 else None
