"""Rendered digits: handwriting of real people (rendered/handwriting.py), asked for by its quarter of the image."""

from collections.abc import Sequence

from infohorizon.benchmarks.rendered import Rendered


class Digits(Rendered):
    """Exact match: the answer is one digit."""

    name = "digits"
    max_new_tokens = 8

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(answer.strip() in answers)
