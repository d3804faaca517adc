"""Tables written chunk by chunk beside their final name, so that a killed job goes on where it was."""

import hashlib
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
    measured: Mapping[str, Any] | None = None,
) -> None:
    """Compute rows of table `name` item by item and write them in the order of `items`.

    Every `size` items are kept in `<output>.chunks/` until the table is complete. Chunks of another configuration,
    code version or input (any difference in `metadata` or `items`) are thrown away: a resumed table equals an
    undisturbed one.

    Args:
        output: path of the table; or, with `by`, {value of column `by`: path} for one table per value.
        items: what JSON can hold, and bytes.
        progress: wraps the items still to be computed, given their number.
        measured: goes into the table's metadata without deciding whether chunks are stale.
    """
    outputs = {None: output} if by is None else dict(output)
    folder = Path(f"{next(iter(outputs.values()))}.chunks")
    _prepare(folder, json.dumps({"metadata": metadata, "size": size, "items": _digest(items)}, sort_keys=True))
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    files = [folder / f"{number:06d}.arrow" for number in range(len(parts))]
    done = [_read(file, name) for file in files]
    missing = [number for number, table in enumerate(done) if table is None]
    work = progress((item for number in missing for item in parts[number]), sum(len(parts[n]) for n in missing))
    for number in missing:
        rows = [row for _ in parts[number] for row in compute(next(work))]
        done[number] = tables.from_rows(name, rows)
        tables.write(files[number], name, done[number], {})
    next(work, None)  # lets the progress bar close
    # From memory: a job that outlived its killed snakemake may have finished, and removed the folder, meanwhile.
    table = pa.concat_tables(done) if done else tables.from_rows(name, [])
    for value, path in outputs.items():
        tables.write(
            path, name, table if by is None else table.filter(pc.field(by) == value), {**metadata, **(measured or {})}
        )
    shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, stamp: str) -> None:
    """An existing folder of chunks with the same stamp stays; any other is replaced by an empty one."""
    file = folder / "stamp.json"
    try:
        if not file.is_file() or file.read_text() != stamp:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            file.write_text(stamp)
    except OSError as error:
        raise UserError(f"{folder} could not be written: {error.strerror or error}.") from error


def _digest(items: Sequence[Any]) -> str:
    sha = hashlib.sha256()
    for item in items:
        sha.update(json.dumps(item, default=lambda data: hashlib.sha256(data).hexdigest()).encode() + b"\0")
    return sha.hexdigest()


def _read(file: Path, name: str) -> pa.Table | None:
    """A complete chunk, or None."""
    try:
        return tables.read_arrow(file, name)
    except UserError:
        return None
