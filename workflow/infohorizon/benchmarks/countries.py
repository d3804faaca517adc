"""Rendered countries: facts that a language model brings along, and a sign in the image that says which fact."""

from collections.abc import Sequence

from infohorizon.benchmarks.rendered import Rendered


class Countries(Rendered):
    """Exact match: the answer is a name, such as Paris."""

    name = "countries"
    max_new_tokens = 8

    def score(self, answer: str, answers: Sequence[str], category: str = "") -> float:
        return float(answer.strip() in answers)
