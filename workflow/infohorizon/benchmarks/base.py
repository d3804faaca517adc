"""What a benchmark is: rows of a data set → questions with labels, answers → scores, scores → the published metric."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from infohorizon.benchmarks.columns import Reader, typed
from infohorizon.benchmarks.protocols import Form
from infohorizon.errors import UserError


@dataclass(frozen=True)
class Question:
    """One question about one image.

    Attributes:
        question: as the data set words it; `Task.prompt` makes the user turn of it.
        label: the ground truth whose probability is measured.
        answers: all references the score is computed against.
        hint, options, ocr_tokens: what else a prompt may hold.
        image_id: None: the loader takes the first 16 hex digits of the SHA-256 of the encoded bytes.
    """

    question_id: str
    question: str
    label: str
    answers: Sequence[str]
    category: str = ""
    hint: str = ""
    options: Sequence[str] = ()
    ocr_tokens: Sequence[str] = ()
    image_id: str | None = None


@dataclass(frozen=True)
class Metric:
    """A metric as a benchmark's authors publish it: in each category a sum of ratios of sums over questions.

    Attributes:
        name: accuracy, F1, …
        unit: of its value: "%", "points", "of 1000".
        scale: its value where the sum of ratios is 1.
        combine: how categories make the whole: "pooled" (ratios over all questions), "mean" or "sum" of the
            categories' values, or "share" (a sum, each category being divided by the whole's denominator).
        groups: name → categories that are also combined by themselves (MME's perception and cognition).
        categories: whether the value of every category is also published.
    """

    name: str = "accuracy"
    unit: str = "%"
    scale: float = 100.0
    combine: Literal["pooled", "mean", "sum", "share"] = "pooled"
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    categories: bool = True


class Task(ABC):
    """One benchmark: a declarative head, a row → Question rule, a per-question score, and its metrics.

    Attributes:
        name: the `task:` value in config.yaml and the module's name.
        columns: the data set columns `question()` reads, and the reader that types each (columns.py).
        optional: further columns; one that is absent, null or empty gives None.
        image_column: where the image is in a row (datasets.Image, or encoded bytes).
        max_new_tokens: length limit of greedy decoding.
        metrics: what is published of a run, the benchmark's own metric first.
        log_name: what lmms-eval's task of this benchmark calls the metric of a sample.
        scorers: whose rule an answer may be scored by (option `scorer`), this project's choice first; empty: one rule.
        defaults: options and their default values (e.g. {"scoring": "exact"}); config may override. The option
            `images_config` names a second config that holds the images (columns id and image), joined by image_id.
    """

    name: str
    columns: Mapping[str, Reader]
    optional: Mapping[str, Reader] = {}
    image_column: str = "image"
    max_new_tokens: int = 16
    metrics: Sequence[Metric] = (Metric(),)
    log_name: str = "exact_match"
    scorers: Sequence[str] = ()
    defaults: Mapping[str, Any] = {}

    def __init__(self, **options: Any) -> None:
        own = {"scorer": self.scorers[0]} if self.scorers else {}
        self.options = {**own, **self.defaults, **options}
        if self.scorers and self.scorer not in self.scorers:
            known = ", ".join(self.scorers)
            raise UserError(f"Task '{self.name}': option 'scorer' is '{self.scorer}'; set it to one of {known}.")

    @property
    def scorer(self) -> str:
        """Whose rule scores the answers; "" where there is one rule."""
        return self.options.get("scorer", "")

    def read(self, record: Mapping[str, Any], index: int) -> Question:
        """Type one row of a data set and turn it into a Question.

        Raises:
            UserError: a value of another type, or one that this task cannot ask, in words that follow "row 3:".
        """
        return self.question(typed(record, self.columns, self.optional), index)

    @abstractmethod
    def question(self, row: Mapping[str, Any], index: int) -> Question:
        """Turn one typed row (the image column left out) into a Question; ids must be stable.

        Raises:
            UserError: a value that this task cannot ask, in words that follow "row 3:".
        """

    @abstractmethod
    def prompt(self, row: Mapping[str, Any], form: Form, ocr_tokens: bool = False) -> str:
        """The user turn as the model reads it, without the image placeholder and the model's chat wrapping.

        Args:
            row: of the benchmark table: question, hint, options, ocr_tokens.
            form: whose wording (protocols.py).
            ocr_tokens: whether the OCR tokens are quoted.
        """

    @abstractmethod
    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        """Score of one answer in [0, 1]."""

    def settled(self, answer: str, answers: Sequence[str]) -> bool:
        """Whether what the metrics read of this beginning of an answer is what they read however it continues.

        Under the protocol setting `stop: settled` an answer ends there.
        """
        return False

    def logged(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The metric of one sample as lmms-eval logs it.

        Args:
            row: of the benchmark table, with answer and score.
        """
        return {self.log_name: row["score"]}

    def terms(self, frame: pl.DataFrame) -> pl.DataFrame:
        """What the metrics are sums of; here each metric is the mean of the score.

        Args:
            frame: a row per cell (one run over the questions) and question: cell, question_id, image_id, category,
                answers, answer, score.
        Returns:
            A row per unit (a question, a pair, all copies of a question): metric, term, cell, image_id, category,
            numerator, denominator. A metric's value in a category is its scale times the sum over its terms of
            Σ numerator / Σ denominator.
        """
        return pl.concat(term(frame, metric.name) for metric in self.metrics)


def term(
    frame: pl.DataFrame,
    metric: str,
    name: str = "",
    numerator: pl.Expr | None = None,
    denominator: pl.Expr | None = None,
) -> pl.DataFrame:
    """One term of a metric, a row per row of `frame` (see `Task.terms`); by default the score over 1."""
    numerator = pl.col("score") if numerator is None else numerator
    denominator = pl.lit(1) if denominator is None else denominator
    return frame.select(
        "cell",
        "image_id",
        "category",
        metric=pl.lit(metric),
        term=pl.lit(name),
        numerator=numerator.cast(pl.Float64),
        denominator=denominator.cast(pl.Float64),
    )
