"""POPE: is this object in the image? Absent ones chosen in three ways (Li et al., arXiv 2305.10355; lmms-lab/POPE)."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon.benchmarks.base import Metric, Question, Task, term
from infohorizon.benchmarks.columns import Reader, identifier, text, yes_no
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form


class POPE(Task):
    """The label is capitalised: the data set says "yes", the models say "Yes", which is another token."""

    name = "pope"
    columns: Mapping[str, Reader] = {"question_id": identifier, "question": text, "answer": yes_no, "category": text}
    max_new_tokens = 128
    metrics = tuple(Metric(name, combine="mean") for name in ("F1", "accuracy", "precision", "recall", "yes rate"))

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            # the three categories number their questions alike
            question_id=f"{row['category']}/{row['question_id']}",
            question=row["question"],
            label=row["answer"].strip().capitalize(),
            answers=[row["answer"]],
            category=row["category"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        return row["question"] if form == "vlmevalkit" else row["question"].strip() + SHORT

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(says_yes(answer) == says_yes(answers[0]))

    def terms(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Of each of the three categories; "yes" is positive, and the yes rate is that of the ANSWERS."""
        answers = frame["answer"].unique()
        says = pl.DataFrame(
            {"answer": answers, "yes": map(says_yes, answers)}, {"answer": pl.String, "yes": pl.Boolean}
        )
        judged = frame.join(says, on="answer").with_columns(truth=(pl.col("score") == 1) == pl.col("yes"))
        hits = judged.with_columns(hit=pl.col("yes") & pl.col("truth"))
        hit, yes, truth = pl.col("hit"), pl.col("yes").cast(pl.Int8), pl.col("truth").cast(pl.Int8)
        return pl.concat(
            [
                term(hits, "F1", numerator=2 * hit.cast(pl.Int8), denominator=yes + truth),  # 2·TP / (2·TP + FP + FN)
                term(hits, "accuracy"),
                term(hits, "precision", numerator=hit, denominator=yes),
                term(hits, "recall", numerator=hit, denominator=truth),
                term(hits, "yes rate", numerator=yes),
            ]
        )


def says_yes(text: str) -> bool:
    """POPE's rule: "no" or "not" among the words before the first full stop means no, anything else yes."""
    words = text.split(".")[0].replace(",", "").lower().split()
    return not {"no", "not"} & set(words)
