"""MME: 2374 yes/no questions in fourteen categories, two per image (Fu et al., arXiv 2306.13394; lmms-lab/MME)."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon.benchmarks import matching
from infohorizon.benchmarks.base import Metric, Question, Task, term
from infohorizon.benchmarks.columns import Reader, identifier, text, yes_no
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form

PERCEPTION = ["existence", "count", "position", "color", "posters"]
PERCEPTION += ["celebrity", "scene", "landmark", "artwork", "OCR"]
READ = 4  # characters of an answer that decide
COGNITION = ["commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"]


class MME(Task):
    """`question_id` of the data set names the image and is shared by its two questions."""

    name = "mme"
    columns: Mapping[str, Reader] = {"question_id": identifier, "question": text, "answer": yes_no, "category": text}
    scorers = ("mme", "vlmevalkit")
    metrics = (
        Metric("score", "points", 100, "sum", {"perception": PERCEPTION, "cognition": COGNITION}),
        Metric("accuracy", categories=False),
    )

    def question(self, row: Mapping[str, Any], index: int) -> Question:
        return Question(
            question_id=f"{row['question_id']}#{index}",
            question=row["question"],
            label=row["answer"],
            answers=[row["answer"]],
            category=row["category"],
        )

    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        """LLaVA and lmms-eval ask for one word instead of yes or no; LLaVA leaves no space before the line break."""
        question = row["question"].strip()
        if form.startswith("vlmevalkit"):
            return row["question"]
        if form == "lmms-eval":
            return question.replace(" Please answer yes or no.", "") + SHORT
        return question.removesuffix("Please answer yes or no.").rstrip() + SHORT

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        said = matching.yes_or_no(answer) if self.scorer == "vlmevalkit" else yes_or_no(answer)
        return float(said == yes_or_no(answers[0]))

    def settled(self, answer: str, answers: Sequence[str]) -> bool:
        return self.scorer == "mme" and len(_read(answer)) >= READ

    def logged(self, row: Mapping[str, Any]) -> dict[str, Any]:
        name = "mme_cognition_score" if row["category"] in COGNITION else "mme_perception_score"
        file = row["question_id"].rpartition("#")[0]
        return {name: {"question_id": file, "category": row["category"], "score": row["score"]}}

    def terms(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A subtask's score is accuracy + acc+ (share of images with both questions right), at most 200 points."""
        image = pl.col("question_id").str.replace(r"#\d+$", "").alias("file")
        pairs = frame.group_by("cell", "category", image).agg(
            pl.len(), pl.col("image_id").first(), pl.col("score").sum(), both=(pl.col("score") == 1).all()
        )
        return pl.concat(
            [
                term(pairs, "score", "accuracy", denominator=pl.col("len")),
                term(pairs, "score", "acc+", pl.col("both")),
                term(frame, "accuracy"),
            ]
        )


def yes_or_no(text: str) -> str:
    """Say "yes", "no" or "other" by the first four characters, white space before them and full stops left out."""
    return next((word for word in ("yes", "no") if word in _read(text)), "other")


def _read(text: str) -> str:
    return text.lower().lstrip().replace(".", "")[:READ]
