"""POPE: is this object in the image? Absent ones chosen in three ways (Li et al., arXiv 2305.10355; lmms-lab/POPE)."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.prompts import SHORT


class POPE(Task):
    """The label is capitalised: the data set says "yes", the models say "Yes", which is another token."""

    name = "pope"
    columns = ("question_id", "question", "answer", "category")
    max_new_tokens = 128

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            # the three categories number their questions alike
            question_id=f"{row['category']}/{row['question_id']}",
            question=row["question"].strip() + SHORT,
            label=row["answer"].strip().capitalize(),
            answers=[row["answer"]],
            category=row["category"],
        )

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(says_yes(answer) == says_yes(answers[0]))

    def metrics(self, frame: pl.DataFrame) -> dict[str, float]:
        """f1 (mean over categories, "yes" is positive), accuracy, yes_rate of the PREDICTIONS, f1 of each category."""
        judged = frame.select(
            "category",
            yes=pl.col("answer").map_elements(says_yes, return_dtype=pl.Boolean),
            truth=pl.col("answers").list.first().map_elements(says_yes, return_dtype=pl.Boolean),
        )
        hits, claims, truths = (pl.col("yes") & pl.col("truth")).sum(), pl.col("yes").sum(), pl.col("truth").sum()
        # F1 = 2·TP / (2·TP + FP + FN); 0 where nothing is positive
        f1 = (2 * hits / (claims + truths)).fill_nan(0.0)
        categories = judged.group_by("category").agg(f1=f1).sort("category")
        return {
            "f1": float(categories["f1"].mean()),
            "accuracy": float(frame["score"].mean()),
            "yes_rate": float(judged["yes"].mean()),
            **{f"f1_{category}": value for category, value in categories.iter_rows()},
        }


def says_yes(text: str) -> bool:
    """POPE's rule: "no" or "not" among the words before the first full stop means no, anything else yes."""
    words = text.split(".")[0].replace(",", "").lower().split()
    return not {"no", "not"} & set(words)
