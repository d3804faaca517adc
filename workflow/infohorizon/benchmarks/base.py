"""What a benchmark is: rows of a data set → questions with labels, and answers → scores."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Question:
    """One question about one image.

    `question` is the whole user turn as the model reads it (prompt suffix included), without the
    image placeholder and the model's chat wrapping. `label` is the ground truth whose probability
    is measured; `answers` are all references the score is computed against.
    """

    question_id: str
    question: str
    label: str
    answers: Sequence[str]
    category: str = ""
    # None: the loader takes the first 16 hex digits of the SHA-256 of the encoded bytes.
    image_id: str | None = None


class Task(ABC):
    """One benchmark: a declarative head, a row → Question rule, a per-question score, and metrics.

    Attributes:
        name: the `task:` value in config.yaml and the module's name.
        columns: the data set columns `question()` reads; checked before the first row is read.
        image_column: where the image stands in a row (datasets.Image, or encoded bytes).
        max_new_tokens: length limit of greedy decoding.
        metric: one word for the mean of `score` (accuracy, ANLS, …), used as an axis label.
        defaults: options and their default values (e.g. {"ocr_tokens": True}); config may override. The option
            `images_config` names a second config that holds the images (columns id and image), joined by image_id.
    """

    name: str
    columns: tuple[str, ...]
    image_column: str = "image"
    max_new_tokens: int = 16
    metric: str = "accuracy"
    defaults: Mapping[str, Any] = {}

    def __init__(self, **options: Any) -> None:
        self.options = {**self.defaults, **options}

    @abstractmethod
    def question(self, row: Mapping[str, Any], index: int) -> Question:
        """Turn one data set row (the image column left out) into a Question; ids must be stable."""

    @abstractmethod
    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        """Score of one answer in [0, 1]."""

    def metrics(self, frame: pl.DataFrame) -> dict[str, float]:
        """Metrics of one run as the benchmark's authors define them, the headline number first.

        Args:
            frame: one row per question with question_id, image_id, category, answers, answer, score.
        """
        return {self.metric: float(frame["score"].mean())}
