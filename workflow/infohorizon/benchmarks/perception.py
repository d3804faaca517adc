"""Rendered perception: pairs of yes/no questions, and short answers on colour, shape and side of one icon."""

from collections.abc import Sequence

import polars as pl

from infohorizon.benchmarks.matching import equal_words, mean_by_category
from infohorizon.benchmarks.rendered import Rendered


class Perception(Rendered):
    name = "perception"
    max_new_tokens = 4

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return equal_words(answer, answers)

    def metrics(self, frame: pl.DataFrame) -> dict[str, float]:
        """accuracy, acc+ (share of images whose yes/no pair is answered right, as in MME), accuracy by category."""
        binary = frame.filter(pl.col("answers").list.first().is_in(["yes", "no"]))
        pairs = binary.group_by("image_id").agg((pl.col("score") == 1).all())
        both = {"acc+": float(pairs["score"].mean())} if len(pairs) else {}
        return {self.metric: float(frame["score"].mean()), **both, **mean_by_category(frame)}
