"""Types of a task's columns: what a data set holds in one cell → the typed value, or why it cannot be one.

A task names a reader for each column (base.py). A reader raises UserError with the end of a sentence that begins
"column 'answer'". Whole numbers are taken as text, since they have one spelling; decimal numbers, dates, truth values
and lists have several, and are refused. (In JSON lines and CSV a number is text already, spelled as it stands there.)
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from infohorizon.errors import UserError

Reader = Callable[[Any], Any]
KINDS: Mapping[type, str] = {
    bool: "a truth value",
    float: "a decimal number",
    datetime: "a date",
    date: "a date",
    dict: "a dictionary",
    list: "a list",
    bytes: "bytes",
}


def text(value: Any) -> str:
    """A text that is not blank, as it stands."""
    found = spelled(value)
    if not found.strip():
        raise UserError("is empty")
    return found


def optional_text(value: Any) -> str:
    """A text; null counts as empty."""
    return "" if value is None else spelled(value)


def identifier(value: Any) -> str:
    """An id: a text or a whole number, without surrounding white space."""
    return text(value).strip()


def answer(value: Any) -> str:
    """One answer, without surrounding white space."""
    if isinstance(value, list):
        raise UserError("holds a list where one text is expected: keep one answer in each row")
    return text(value).strip()


def yes_no(value: Any) -> str:
    """The answer yes or no, spelled as it stands."""
    found = answer(value)
    if found.lower() not in ("yes", "no"):
        raise UserError(f"holds {found[:40]!r}, but every answer of this task is yes or no")
    return found


def answers(value: Any) -> list[str]:
    """A list of answers, each without surrounding white space; some may be blank, but not all."""
    found = [part.strip() for part in texts(value)]
    if not any(found):
        raise UserError("holds no answer: choose a split with answers")
    return found


def texts(value: Any) -> list[str]:
    """A list of texts, possibly empty."""
    if not isinstance(value, list):
        raise UserError(f"holds {described(value)} where a list of texts is expected")
    return [spelled(part, f", at place {place} of the list,") for place, part in enumerate(value)]


def whole(value: Any) -> int:
    """A whole number."""
    try:
        return int(spelled(value))
    except ValueError:
        raise UserError(f"holds {str(value)[:40]!r} where a whole number is expected") from None


def typed(record: Mapping[str, Any], required: Mapping[str, Reader], optional: Mapping[str, Reader]) -> dict[str, Any]:
    """The columns a task reads, typed; an optional column that is absent or null gives None.

    Raises:
        UserError: the first value of another type, with its column.
    """
    row: dict[str, Any] = {}
    for column, reader in {**required, **optional}.items():
        value = record.get(column)
        if column in optional and (value is None or value == ""):
            row[column] = None
            continue
        try:
            row[column] = reader(value)
        except UserError as error:
            raise UserError(f"column '{column}' {error}") from None
    return row


def missing(columns: Iterable[str], known: Iterable[str]) -> list[str]:
    """Those of the columns that a data set lacks."""
    return [column for column in columns if column not in set(known)]


def spelled(value: Any, place: str = "") -> str:
    """A text or a whole number as text.

    Raises:
        UserError: anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UserError(f"holds{place} {described(value)} where text is expected: save it as text")


def described(value: Any) -> str:
    """What a value is, for a sentence."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return next((words for kind, words in KINDS.items() if isinstance(value, kind)), f"the number {value}")
