"""MME: 2374 yes/no questions in fourteen categories, two per image (Fu et al., arXiv 2306.13394; lmms-lab/MME)."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.prompts import SHORT

PERCEPTION = ["existence", "count", "position", "color", "posters"]
PERCEPTION += ["celebrity", "scene", "landmark", "artwork", "OCR"]
COGNITION = ["commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"]


class MME(Task):
    """`question_id` of the data set names the image and is shared by its two questions."""

    name = "mme"
    columns = ("question_id", "question", "answer", "category")

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=f"{row['question_id']}#{index}",
            question=row["question"].strip().removesuffix("Please answer yes or no.").rstrip() + SHORT,
            label=row["answer"],
            answers=[row["answer"]],
            category=row["category"],
        )

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(yes_or_no(answer) == yes_or_no(answers[0]))

    def metrics(self, frame: pl.DataFrame) -> dict[str, float]:
        """total = perception (max 2000) + cognition (max 800), accuracy, then every category (max 200)."""
        image = pl.col("question_id").str.replace(r"#\d+$", "")
        images = frame.group_by("category", image).agg(
            accuracy=100 * pl.col("score").mean(), both=100 * (pl.col("score") == 1).all().cast(pl.Float64)
        )
        totals = images.group_by("category").agg(pl.col("accuracy").mean() + pl.col("both").mean()).sort("category")
        categories = dict(totals.iter_rows())
        perception = sum(categories.get(category, 0.0) for category in PERCEPTION)
        cognition = sum(categories.get(category, 0.0) for category in COGNITION)
        return {
            "total": perception + cognition,
            "perception": perception,
            "cognition": cognition,
            "accuracy": float(frame["score"].mean()),
            **categories,
        }


def yes_or_no(text: str) -> str:
    """Say "yes", "no" or "other" by the whole text, else by its first four characters."""
    text = text.lower().strip().replace(".", "")
    return next((word for word in ("yes", "no") if word in text[:4]), "other")
