"""Tables written chunk by chunk beside their final name, so that a killed job goes on where it was."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from infohorizon import tables
from infohorizon.errors import UserError

T = TypeVar("T")


def write(
    output: str | Path | Mapping[str, str | Path],
    name: str,
    items: Sequence[T],
    compute: Callable[[T], list[Mapping[str, Any]]],
    metadata: Mapping[str, Any],
    by: str | None = None,
    size: int = 16,
    progress: Callable[[Iterator[T], int], Iterator[T]] = lambda items, total: items,
) -> None:
    """Compute rows of table `name` item by item and write them in the order of `items`.

    Every `size` items are kept in `<output>.chunks/` until the table is complete. Chunks of another configuration,
    code version or input (any difference in `metadata`) are thrown away: a resumed table equals an undisturbed one.

    Args:
        output: path of the table; or, with `by`, {value of column `by`: path} for one table per value.
        progress: wraps the items still to be computed, given their number.
    """
    outputs = {None: output} if by is None else dict(output)
    folder = Path(f"{next(iter(outputs.values()))}.chunks")
    _prepare(folder, json.dumps(metadata, sort_keys=True, ensure_ascii=False))
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    files = [folder / f"{number:06d}.arrow" for number in range(len(parts))]
    missing = [number for number, file in enumerate(files) if not _complete(file, name)]
    work = progress((item for number in missing for item in parts[number]), sum(len(parts[n]) for n in missing))
    for number in missing:
        rows = [row for _ in parts[number] for row in compute(next(work))]
        tables.write(files[number], name, rows, {})
    next(work, None)  # lets the progress bar close
    done = [tables.read_arrow(file, name) for file in files]
    table = pa.concat_tables(done) if done else tables.from_rows(name, [])
    for value, path in outputs.items():
        tables.write(path, name, table if by is None else table.filter(pc.field(by) == value), metadata)
    shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, stamp: str) -> None:
    """An existing folder of chunks with the same stamp stays; any other is replaced by an empty one."""
    file = folder / "stamp.json"
    try:
        if not file.is_file() or file.read_text() != stamp:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(stamp)
    except OSError as error:
        raise UserError(f"{folder} could not be written: {error.strerror or error}.") from error


def _complete(file: Path, name: str) -> bool:
    try:
        tables.read_arrow(file, name)
        return True
    except UserError:
        return False
