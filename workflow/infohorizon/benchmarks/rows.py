"""Rows of a data set, whatever file they are in: typed ones (Parquet, Arrow), and text (JSON, JSON lines, CSV, TSV).

Text stays text: a number in a JSON or CSV file is the characters that stand there, and nothing becomes a date.
"""

import csv
import gzip
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from datasets import ClassLabel, Dataset, Image

from infohorizon.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
TEXT_FORMATS = (".jsonl", ".json", *DELIMITERS)


class Rows(ABC):
    """The rows of one split.

    Attributes:
        columns: their names.
    """

    columns: Sequence[str]

    @abstractmethod
    def __len__(self) -> int:
        """How many rows there are."""

    @abstractmethod
    def records(self) -> Iterator[Mapping[str, Any]]:
        """The rows in order; columns that hold images are left out where that saves decoding them."""

    @abstractmethod
    def image(self, position: int, column: str) -> bytes:
        """The encoded image of a row.

        Raises:
            UserError: the end of a sentence that begins "row 3 of column 'image'".
        """


class TypedRows(Rows):
    """Rows of Parquet or Arrow files; names in place of the numbers of class labels."""

    def __init__(self, dataset: Dataset, folder: Path | None) -> None:
        self.dataset, self.folder, self.columns = dataset, folder, dataset.column_names
        self._encoded: dict[str, Dataset] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def records(self) -> Iterator[Mapping[str, Any]]:
        features = self.dataset.features
        pictures = [name for name, feature in features.items() if isinstance(feature, Image)]
        named = {name: feature for name, feature in features.items() if _label(feature)}
        for record in self.dataset.remove_columns(pictures):
            yield {**record, **{name: _names(feature, record[name]) for name, feature in named.items()}}

    def image(self, position: int, column: str) -> bytes:
        if column not in self._encoded:
            try:
                self._encoded[column] = self.dataset.select_columns([column]).cast_column(column, Image(decode=False))
            except (ValueError, TypeError, pa.ArrowException) as error:
                raise UserError("holds no images (encoded bytes or file paths)") from error
        value = self._encoded[column][position][column]
        if value is None:
            raise UserError("has no image: remove it, or take a config in which every row has one")
        if value["bytes"] is not None:
            return value["bytes"]
        return _read(value["path"], [self.folder])


class TextRows(Rows):
    """Rows of JSON, JSON lines, CSV or TSV files, in memory; images are paths.

    Args:
        files: in the order of their rows.
        folder: what relative image paths are relative to, beside each file's own folder; None for the hub.
    Raises:
        UserError: a file that cannot be parsed, with its line.
    """

    def __init__(self, files: Sequence[Path], folder: Path | None) -> None:
        self._rows = [(row, path.parent) for path in files for row in _parsed(path)]
        self.columns = list(dict.fromkeys(column for row, _ in self._rows for column in row))
        self.folder = folder

    def __len__(self) -> int:
        return len(self._rows)

    def records(self) -> Iterator[Mapping[str, Any]]:
        return (row for row, _ in self._rows)

    def image(self, position: int, column: str) -> bytes:
        row, beside = self._rows[position]
        value = row.get(column)
        if isinstance(value, dict):
            value = value.get("path")
        if not value:
            raise UserError("has no image: remove it, or name an image file")
        if not isinstance(value, str):
            raise UserError("holds no path of an image file")
        return _read(value, [self.folder, beside])


class _Label(NamedTuple):
    """A column that holds class labels, or lists of class labels."""

    feature: ClassLabel
    listed: bool


def _label(feature: Any) -> _Label | None:
    inner = getattr(feature, "feature", feature)
    return _Label(inner, inner is not feature) if isinstance(inner, ClassLabel) else None


def _names(feature: Any, value: Any) -> Any:
    """The names of class labels; −1, which says that there is none, becomes null."""
    label = _label(feature)
    numbers = value if label.listed else [value]
    if numbers is None:
        return None
    names = [None if number is None or number < 0 else label.feature.int2str(number) for number in numbers]
    return names if label.listed else names[0]


def _read(path: str, folders: Sequence[Path | None]) -> bytes:
    """An image file beside the data."""
    if folders[0] is None:
        raise UserError(f"names the file {path} instead of holding the image's bytes")
    found = next((folder / path for folder in folders if (folder / path).is_file()), folders[0] / path)
    try:
        return found.read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(f"names an image that cannot be read: {found}") from error


def _parsed(path: Path) -> list[dict[str, Any]]:
    name = path.name.removesuffix(".gz")
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from error
    except (OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read ({error}).") from error
    if (delimiter := DELIMITERS.get(Path(name).suffix)) is not None:
        rows = _table(path, text, delimiter)
    else:
        rows = _array(path, text) if text.lstrip().startswith("[") else _lines(path, text)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise UserError(f"{path}: row {number} is not an object: write each question as an object of its columns.")
    # an image folder's metadata calls its images so
    return [{"image": row["file_name"], **row} if "file_name" in row else row for row in rows]


def _array(path: Path, text: str) -> list[Any]:
    try:
        return _json(text)
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}.") from error


def _lines(path: Path, text: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(_json(line))
            except ValueError as error:
                raise UserError(f"{path}, line {number} is not valid JSON: {error}.") from error
    return rows


def _json(text: str) -> Any:
    """Numbers stay text, spelled as they stand; NaN, which is no JSON, counts as null."""
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=lambda _: None)


def _table(path: Path, text: str, delimiter: str) -> list[dict[str, Any]]:
    """Cells are text; an empty one is null."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        if twice := sorted({column for column in header if header.count(column) > 1}):
            raise UserError(f"{path}: column '{twice[0]}' occurs twice; rename one.")
        rows = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{path}, line {reader.line_num} has {len(cells)} cells, but the header has {len(header)}: put "
                    "cells that contain the separator into quotes."
                )
            rows.append({column: cell or None for column, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num} is not valid CSV: {error}.") from error
    return rows
