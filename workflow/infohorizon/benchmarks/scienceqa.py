"""ScienceQA, questions with an image (Lu et al., arXiv 2209.09513; lmms-lab/ScienceQA, config ScienceQA-IMG)."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.matching import option_letter
from infohorizon.benchmarks.prompts import LETTER, lettered


class ScienceQA(Task):
    """`answer` is the index of the right choice; the label is its letter."""

    name = "scienceqa"
    columns = ("question", "choices", "answer", "hint", "subject")

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        context = f"Context: {row['hint']}\n" if row["hint"] else ""
        choices = lettered(row["choices"])
        letter = choices[row["answer"]][0]
        return Question(
            question_id=str(index),
            question="\n".join([context + row["question"], *choices]) + LETTER,
            label=letter,
            answers=[letter],
            category=row["subject"],
        )

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(option_letter(answer, ascii_uppercase) == answers[0])
