"""Errors that a user can put right, and the sentences that several rooms share."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Bad configuration, file or data: one sentence that names the key, file or column and what to do."""


def suggestion(name: object, known: Iterable[str]) -> str:
    """What an unknown name may have meant: the closest known one, or all of them."""
    known = list(known)
    close = get_close_matches(str(name), known, 1)
    return f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known) or 'none'}."
