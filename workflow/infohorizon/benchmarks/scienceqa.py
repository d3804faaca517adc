"""ScienceQA, questions with an image (Lu et al., arXiv 2209.09513; lmms-lab/ScienceQA, config ScienceQA-IMG)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infohorizon.benchmarks import mmbench
from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import Reader, optional_text, text, texts, whole
from infohorizon.benchmarks.prompts import LETTER, lettered, select
from infohorizon.benchmarks.protocols import Form
from infohorizon.errors import UserError


class ScienceQA(Task):
    """`answer` is the index of the right choice; the label is its letter.

    `answers` is that letter followed by all options ("B", "A. cat", "B. dog"), as in MMBench.
    """

    name = "scienceqa"
    columns: Mapping[str, Reader] = {
        "question": text,
        "choices": texts,
        "answer": whole,
        "hint": optional_text,
        "subject": optional_text,
    }

    scorers = ("letter", "llava", "lmms-eval", "vlmevalkit")

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        choices = lettered(row["choices"])
        if not 0 <= row["answer"] < len(choices):
            raise UserError(f"column 'answer' is {row['answer']}, but the {len(choices)} choices count from 0")
        letter = choices[row["answer"]][0]
        return Question(
            question_id=str(index),
            question=row["question"],
            label=letter,
            answers=[letter, *choices],
            category=row["subject"],
            hint=row["hint"],
            options=row["choices"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        hint, question, options = row["hint"], row["question"], row["options"]
        if form == "vlmevalkit":
            return select(hint, question, options)
        label = "" if form == "vlmevalkit-llava" else "Context: "
        context = f"{label}{hint}\n" if hint else ""
        return "\n".join([context + question, *lettered(options)]) + LETTER

    def settled(self, answer: str, answers: Sequence[str]) -> bool:
        """Once it begins with a letter and a full stop."""
        beginning = answer if self.scorer == "llava" else answer.lstrip()
        return self.scorer != "vlmevalkit" and re.match(_patterns(self.scorer)[1], beginning) is not None

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        """vlmevalkit: by letter or text, as MMBench; the others by letter alone."""
        if self.scorer == "vlmevalkit":
            return float(mmbench.chosen_by_vlmevalkit(answer, answers[1:]) == answers[0])
        return float(chosen(answer, self.scorer) == answers[0])


def chosen(answer: str, scorer: str = "letter") -> str | None:
    """The letter an answer names: "B" or "b" alone, "B." at the beginning, or one "The answer is B."; else None.

    Args:
        scorer: letter; llava, where "b" is no answer, and something must follow the full stop; or lmms-eval, which
            knows no "The answer is B.".
    """
    alone, beginning, sentence = _patterns(scorer)
    answer = answer if scorer == "llava" else answer.strip()
    if re.fullmatch(alone, answer):
        return answer.upper()
    if named := re.match(beginning, answer):
        return named[1]
    named = re.findall(sentence, answer) if scorer != "lmms-eval" else []
    return named[0] if len(named) == 1 else None


def _patterns(scorer: str) -> tuple[str, str, str]:
    """What a letter alone, at the beginning, and in a sentence looks like."""
    if scorer == "llava":
        return "[A-Z]", r"(.)\. ", r"The answer is ([A-Z])."
    return "[A-Za-z]", r"([A-Z])\.", r"The answer is ([A-Z])\."
