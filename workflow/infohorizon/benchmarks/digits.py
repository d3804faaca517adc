"""Rendered digits: handwriting of real people (rendered/handwriting.py), asked for by its quarter of the image."""

from infohorizon.benchmarks.rendered import Rendered


class Digits(Rendered):
    """The answer is one digit."""

    name = "digits"
    max_new_tokens = 8
