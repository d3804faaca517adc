"""MMBench: multiple choice, every question asked once per rotation of its options (Liu et al., arXiv 2307.06281).

Source: lmms-lab/MMBench, config en, split dev.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.matching import option_letter
from infohorizon.benchmarks.prompts import LETTER

ROTATION = 1_000_000  # the rotated copies of question `index` are index + k · ROTATION


class MMBench(Task):
    """`answers` is the right letter followed by all options ("B", "A. cat", "B. dog"): what matching by text needs."""

    name = "mmbench"
    columns = ("index", "question", "hint", "answer", "A", "B", "C", "D", "category")

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        options = [f"{letter}. {row[letter]}" for letter in "ABCD" if _present(row[letter])]
        hint = f"{row['hint']} " if _present(row["hint"]) else ""
        return Question(
            question_id=str(row["index"]),
            question="\n".join([f"{hint}{row['question']} There are several options:", *options]) + LETTER,
            label=row["answer"],
            answers=[row["answer"], *options],
            category=row["category"],
        )

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(chosen(answer, answers[1:]) == answers[0])

    def metrics(self, frame: pl.DataFrame) -> dict[str, float]:
        """circular: share of questions right in all their copies; accuracy: mean over all copies."""
        question = pl.col("question_id").cast(pl.Int64) % ROTATION
        circular = frame.group_by(question).agg((pl.col("score") == 1).all().alias("right"))
        return {"circular": float(circular["right"].mean()), "accuracy": float(frame["score"].mean())}


def chosen(answer: str, options: Sequence[str]) -> str | None:
    """Letter of the option an answer chooses: by its letter, else by the one option whose text it is or contains."""
    texts = {option[0]: option[3:].lower().strip() for option in options}
    if letter := option_letter(answer, "".join(texts)):
        return letter
    answer = answer.lower().strip().rstrip(".")
    same = [letter for letter, text in texts.items() if text.rstrip(".") == answer]
    found = same or [letter for letter, text in texts.items() if text in answer]
    return found[0] if len(found) == 1 else None


def _present(value: str | None) -> bool:
    return value not in (None, "", "nan")  # the data set writes missing options and hints as "nan"
