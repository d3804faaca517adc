"""The page's tables as rows of texts, and whether a cell says what a table holds."""

import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
Rows = list[dict[str, str]]


class TablesOfPage(HTMLParser):
    """Caption → rows as head → text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, Rows] = {}
        self.inside, self.caption = "", ""
        self.heads: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.inside = tag if tag in ("caption", "th", "td") else ""
        if tag == "table":
            self.caption, self.heads = "", []
        elif tag == "tr":
            self.cells = []
        elif tag in ("th", "td"):
            (self.heads if tag == "th" else self.cells).append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""
        if tag == "caption":
            self.tables[self.caption] = []
        elif tag == "tr" and self.cells:
            self.tables[self.caption].append(dict(zip(self.heads, self.cells, strict=True)))

    def handle_data(self, text: str) -> None:
        if self.inside == "caption":
            self.caption += text
        elif self.inside == "th":
            self.heads[-1] += text
        elif self.inside == "td":
            self.cells[-1] += text


def rows_of(shown: dict[str, Rows], caption: str) -> Rows:
    (rows,) = (rows for name, rows in shown.items() if name.startswith(caption))
    return rows


def read(path: str | Path) -> list[dict]:
    return pl.read_ipc(path).to_dicts()


def same(cell: str, *values: float | None) -> bool:
    """Whether a cell's numbers are these to their last printed place, and no others; None is not printed."""
    known = [value for value in values if value is not None]
    printed = NUMBER.findall(cell.replace(" %", ""))
    return len(printed) == len(known) and all(near(text, value) for text, value in zip(printed, known, strict=True))


def near(text: str, value: float) -> bool:
    mantissa, _, exponent = text.partition("e")
    places = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return abs(float(text) - value) <= 0.5000001 * 10**-places


def significant(cell: str, value: float, digits: int) -> bool:
    return abs(float(cell) - value) <= 0.5000001 * 10.0 ** -(digits - 1) * abs(value)


def keep(cell: str, value: float | None) -> bool:
    if value is None:
        return cell in ("", "all")
    return same(cell, value if value >= 1 else 100 * value) if value else cell == "none"


def horizon(cell: str, own: dict) -> bool:
    """The confidence set and the estimate, in the table's words."""
    layer, low, high, depth = (own[name] for name in ("layer", "low", "high", "depth"))
    if layer is None:
        return cell == "not measurable"
    if low == depth:
        return cell.startswith("never") and same(cell, depth)
    if high == depth:
        return "or deeper" in cell and same(cell, low, depth, layer if layer < depth else None)
    return same(cell, low, depth) if low == high else same(cell, low, high, depth, layer)
