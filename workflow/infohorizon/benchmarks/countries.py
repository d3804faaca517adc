"""Rendered countries: facts that a language model brings along, and a sign in the image that says which fact."""

from infohorizon.benchmarks.rendered import Rendered


class Countries(Rendered):
    """The answer is a name, such as Paris."""

    name = "countries"
    max_new_tokens = 8
