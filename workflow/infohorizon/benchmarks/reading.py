"""Rendered reading: three characters, at a place or in a colour that the question names (rendered/questions.py)."""

from collections.abc import Sequence

import polars as pl

from infohorizon.benchmarks.base import Metric, term
from infohorizon.benchmarks.rendered import Rendered


class Reading(Rendered):
    """Exact match, spaces and case ignored: the mini models say one character per token."""

    name = "reading"
    max_new_tokens = 8
    metrics = (Metric(), Metric("characters", categories=False))

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(compact(answer) in map(compact, answers))

    def terms(self, frame: pl.DataFrame) -> pl.DataFrame:
        """accuracy, and the share of characters that stand where they should."""
        pairs = frame.select("answer", truth=pl.col("answers").list.first()).unique()
        shares = [
            sum(a == b for a, b in zip(compact(answer), compact(truth), strict=False)) / len(compact(truth))
            for answer, truth in pairs.iter_rows()
        ]
        known = pairs.with_columns(share=pl.Series(shares, dtype=pl.Float64))
        joined = frame.with_columns(truth=pl.col("answers").list.first()).join(known, on=["answer", "truth"])
        return pl.concat([term(frame, "accuracy"), term(joined, "characters", numerator=pl.col("share"))])


class Places(Reading):
    """Words at a place alone."""

    name = "places"


def compact(text: str) -> str:
    """Without spaces, in capitals."""
    return "".join(text.split()).upper()
