"""Rendered perception: pairs of yes/no questions, and short answers on colour, shape and side of one icon."""

from collections.abc import Sequence

import polars as pl

from infohorizon.benchmarks.base import Metric, term
from infohorizon.benchmarks.matching import equal_words
from infohorizon.benchmarks.rendered import Rendered


class Perception(Rendered):
    name = "perception"
    max_new_tokens = 4
    metrics = (Metric(), Metric("acc+", categories=False))

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return equal_words(answer, answers)

    def terms(self, frame: pl.DataFrame) -> pl.DataFrame:
        """accuracy, and acc+: the share of images whose yes/no pair is answered right, as in MME."""
        binary = frame.filter(pl.col("answers").list.first().is_in(["yes", "no"]))
        pairs = binary.group_by("cell", "image_id").agg(pl.col("category").first(), right=(pl.col("score") == 1).all())
        return pl.concat([term(frame, "accuracy"), term(pairs, "acc+", numerator=pl.col("right"))])
