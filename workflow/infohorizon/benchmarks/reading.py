"""Rendered reading: three characters, at a place or in a colour that the question names (rendered/questions.py)."""

from collections.abc import Sequence

import polars as pl

from infohorizon.benchmarks.matching import mean_by_category
from infohorizon.benchmarks.rendered import Rendered


class Reading(Rendered):
    """Exact match, spaces and case ignored: the mini models say one character per token."""

    name = "reading"
    max_new_tokens = 8

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(compact(answer) in map(compact, answers))

    def metrics(self, frame: pl.DataFrame) -> dict[str, float]:
        """accuracy, the share of characters that stand where they should, then the accuracy by category."""
        characters = [
            sum(a == b for a, b in zip(compact(answer), compact(answers[0]), strict=False)) / len(compact(answers[0]))
            for answer, answers in frame.select("answer", "answers").iter_rows()
        ]
        return {
            self.metric: float(frame["score"].mean()),
            "characters": sum(characters) / len(characters),
            **mean_by_category(frame),
        }


def compact(text: str) -> str:
    """Without spaces, in capitals."""
    return "".join(text.split()).upper()
