"""Errors that a user can put right, and the sentences that several rooms share."""

import errno
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Bad configuration, file or data: one sentence that names the key, file or column and what to do.

    Nothing but the user can put it right: a job that ends in one is not worth another attempt, unless it is a
    PassingError.
    """


class PassingError(UserError):
    """The network, a full disk, or an unforeseen error: another attempt may succeed."""


FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says of a full disk."""


def causes(error: BaseException) -> list[BaseException]:
    """An error, what it was raised from, what that was raised from, …"""
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    return chain


def suggestion(name: object, known: Iterable[str]) -> str:
    """What an unknown name may have meant: the closest known one, or all of them."""
    known = list(known)
    close = get_close_matches(str(name), known, 1)
    return f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known) or 'none'}."


def listed(problems: Sequence[str], most: int = 10) -> str:
    """All problems in one sentence; of more than `most` the number of the others."""
    more = len(problems) - most
    return "; ".join([*problems[:most], *([f"and {more} more"] if more > 0 else [])])
