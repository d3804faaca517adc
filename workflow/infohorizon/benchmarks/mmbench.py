"""MMBench: multiple choice, every question asked once per rotation of its options (Liu et al., arXiv 2307.06281).

Source: lmms-lab/MMBench, config en, split dev.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import polars as pl

from infohorizon.benchmarks.base import Metric, Question, Task, term
from infohorizon.benchmarks.columns import Reader, answer, optional_text, text, whole
from infohorizon.benchmarks.prompts import LETTER, lettered, select
from infohorizon.benchmarks.protocols import Form
from infohorizon.errors import UserError

BLANKED = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
MISSING = "nan"  # how the data set writes a missing option, hint or answer
ROTATION = 1_000_000  # the rotated copies of question `index` are index + k · ROTATION


class MMBench(Task):
    """`answers` is the right letter followed by all options ("B", "A. cat", "B. dog"): what matching by text needs."""

    name = "mmbench"
    columns: Mapping[str, Reader] = {
        "index": whole,
        "question": text,
        "hint": optional_text,
        "answer": answer,
        **dict.fromkeys("ABCD", optional_text),
        "category": text,
    }
    metrics = (Metric("circular accuracy"), Metric("accuracy"))
    scorers = ("letter", "vlmevalkit")

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        options = [row[letter] for letter in "ABCD" if row[letter] not in ("", MISSING)]
        if row["answer"] not in "ABCD"[: len(options)]:
            raise UserError(f"column 'answer' is {row['answer']!r}, which is not the letter of an option here")
        return Question(
            question_id=str(row["index"]),
            question=row["question"],
            label=row["answer"],
            answers=[row["answer"], *lettered(options)],
            category=row["category"],
            hint="" if row["hint"].lower() in ("none", MISSING) else row["hint"],
            options=options,
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        """In LLaVA's form an option that reads None ends the list, as in its script."""
        hint, question, options = row["hint"], row["question"], row["options"]
        if form == "vlmevalkit":
            return select(hint, question, options)
        if form == "lmms-eval":
            question = f"{hint} {question}" if hint else question
            return "\n".join([f"{question} There are several options:", *lettered(options)]) + "\n" + LETTER
        if form == "llava":
            options = list(takewhile(lambda option: option.lower() != "none", options))
        return "\n".join([*filter(None, [hint]), question, *lettered(options)]) + LETTER

    def settled(self, answer: str, answers: Sequence[str]) -> bool:
        """Once a letter follows "answer is" and something follows the letter."""
        named = _named(answer, _texts(answers[1:]))
        return self.scorer == "letter" and named is not None and named.end() < len(answer)

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        choose = chosen_by_vlmevalkit if self.scorer == "vlmevalkit" else chosen
        return float(choose(answer, answers[1:]) == answers[0])

    def terms(self, frame: pl.DataFrame) -> pl.DataFrame:
        """circular accuracy: share of questions right in all their copies; accuracy: mean over the copies."""
        question = pl.col("question_id").cast(pl.Int64) % ROTATION
        circular = frame.group_by("cell", question).agg(
            pl.col("image_id", "category").first(), right=(pl.col("score") == 1).all()
        )
        return pl.concat([term(circular, "circular accuracy", numerator=pl.col("right")), term(frame, "accuracy")])


def chosen(answer: str, options: Sequence[str]) -> str | None:
    """Letter of the option an answer chooses; None where no rule decides.

    The first capital letter after "answer is". Else the one option letter that stands alone as a word, if it is among
    the last four words. Else, in an answer at most twice as long as all options, the one option whose text it contains.
    """
    texts = _texts(options)
    if named := _named(answer, texts):
        return named[1]
    return _alone(answer, texts) or _by_text(answer, texts)


def chosen_by_vlmevalkit(answer: str, options: Sequence[str]) -> str | None:
    """The same by VLMEvalKit's rules without a judge model.

    A letter that stands alone goes before one after "answer is", which counts in any case, and as part of a word.
    """
    texts = _texts(options)
    if letter := _alone(answer, texts):
        return letter
    words = answer.translate(BLANKED).split()
    if "Z" in words and not set(texts) & set(words):  # what its judge writes for none of them
        return None
    named = re.search(r"(?i)answer\s+is\s+\**([ABCD])", answer)
    if named and named[1].upper() in texts:
        return named[1].upper()
    return _by_text(answer, texts)


def _named(answer: str, texts: Mapping[str, str]) -> re.Match[str] | None:
    """The first capital letter of an option after "answer is"."""
    return re.search(rf"(?i:answer is):? \(?([{''.join(texts)}])\b", answer)


def _texts(options: Sequence[str]) -> dict[str, str]:
    """["A. Cat"] → {"A": "cat"}"""
    return {option[0]: option[3:].lower() for option in options}


def _alone(answer: str, texts: Mapping[str, str]) -> str | None:
    """The one option letter that stands alone as a word, among the last four words."""
    words = answer.translate(BLANKED).split()
    letters = [letter for letter in texts if letter in words]
    return letters[0] if len(letters) == 1 and words.index(letters[0]) >= len(words) - 4 else None


def _by_text(answer: str, texts: Mapping[str, str]) -> str | None:
    """The one option whose text an answer contains that is at most twice as long as all options."""
    if len(answer) > 2 * sum(map(len, texts.values())):
        return None
    found = [letter for letter, text in texts.items() if text in answer.lower()]
    return found[0] if len(found) == 1 else None
