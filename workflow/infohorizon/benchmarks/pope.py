"""POPE: is this object in the image? Absent ones chosen in three ways (Li et al., arXiv 2305.10355; lmms-lab/POPE)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl

from infohorizon.benchmarks.base import Metric, Question, Task, term
from infohorizon.benchmarks.columns import Reader, identifier, text, yes_no
from infohorizon.benchmarks.matching import yes_or_no
from infohorizon.benchmarks.prompts import SHORT
from infohorizon.benchmarks.protocols import Form

METRICS = ("F1", "accuracy", "precision", "recall", "yes rate")


class POPE(Task):
    """The label is capitalised: the data set says "yes", the models say "Yes", which is another token."""

    name = "pope"
    columns: Mapping[str, Reader] = {"question_id": identifier, "question": text, "answer": yes_no, "category": text}
    max_new_tokens = 128
    scorers = ("pope", "lmms-eval", "vlmevalkit")

    def __init__(self, **options: Any) -> None:
        """The harnesses take all questions together, POPE's authors the mean of the three categories."""
        super().__init__(**options)
        combine: Literal["mean", "pooled"] = "mean" if self.scorer == "pope" else "pooled"
        self.metrics = tuple(Metric(name, combine=combine) for name in METRICS)

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
        return row["question"] if form.startswith("vlmevalkit") else row["question"].strip() + SHORT

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(self.said(answer) == answers[0].strip().lower())

    def settled(self, answer: str, answers: Sequence[str]) -> bool:
        if self.scorer == "lmms-eval":  # neither word, and not the beginning of one
            said = answer.lstrip().lower()
            return not any(word.startswith(said) or said.rstrip() == word for word in ("yes", "no"))
        return self.scorer == "pope" and "." in answer

    def said(self, answer: str) -> str:
        """yes, no or other: by POPE's rule; the whole answer (lmms-eval); or the words yes and no (vlmevalkit)."""
        if self.scorer == "vlmevalkit":
            return yes_or_no(answer)
        if self.scorer == "lmms-eval":
            answer = answer.strip().lower()
            return answer if answer in ("yes", "no") else "other"
        return "yes" if says_yes(answer) else "no"

    def logged(self, row: Mapping[str, Any]) -> dict[str, Any]:
        found = {
            "question_id": row["question_id"].rpartition("/")[2],
            "score": row["score"],
            "prediction": self.said(row["answer"]),
            "ground_truth": row["answers"][0].lower(),
        }
        return {f"pope_{name}": found for name in ("accuracy", "precision", "recall", "f1_score", "yes_ratio")}

    def terms(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Of each of the three categories; "yes" is positive, and the yes rate is that of the ANSWERS."""
        answers = frame["answer"].unique()
        columns = {"answer": pl.String, "said": pl.String}
        says = pl.DataFrame({"answer": answers, "said": map(self.said, answers)}, columns)
        truth = pl.col("answers").list.first().str.strip_chars().str.to_lowercase() == "yes"
        judged = frame.join(says, on="answer").with_columns(truth=truth, yes=pl.col("said") == "yes")
        # an answer that is neither misses a "yes" for VLMEvalKit, and nothing for lmms-eval
        missed = pl.col("said") == "no" if self.scorer == "lmms-eval" else pl.col("said") != "yes"
        hits = judged.with_columns(hit=pl.col("yes") & pl.col("truth"), missed=missed & pl.col("truth"))
        hit, yes = pl.col("hit").cast(pl.Int8), pl.col("yes").cast(pl.Int8)
        positive = (pl.col("hit") | pl.col("missed")).cast(pl.Int8)
        return pl.concat(
            [
                term(hits, "F1", numerator=2 * hit, denominator=yes + positive),  # 2·TP / (2·TP + FP + FN)
                term(hits, "accuracy"),
                term(hits, "precision", numerator=hit, denominator=yes),
                term(hits, "recall", numerator=hit, denominator=positive),
                term(hits, "yes rate", numerator=yes),
            ]
        )


def says_yes(text: str) -> bool:
    """POPE's rule: "no" or "not" among the words before the first full stop means no, anything else yes."""
    words = text.split(".")[0].replace(",", "").lower().split()
    return not {"no", "not"} & set(words)
