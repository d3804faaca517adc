"""Atomic writes and checked reads of the project's tables (schemas.py).

Tables are Arrow IPC files (zstd). The schema metadata key `infohorizon` of each file holds a JSON object with the
stage, sources and revisions, package versions, the configuration the stage read and its code digest: nothing in it
depends on when or where the file was made, so equal runs give equal bytes.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from infohorizon.atomic import replacing
from infohorizon.errors import UserError
from infohorizon.tables.schemas import TABLES, Column, large

METADATA_KEY = b"infohorizon"
CELLS_KEY = b"infohorizon.cells"


def write(
    path: str | Path,
    name: str,
    rows: pa.Table | Iterable[Mapping[str, Any]],
    metadata: Mapping[str, Any],
    cells: Mapping[str, Any] | None = None,
) -> None:
    """Write rows as table `name` under a temporary name in the same folder, sync, then rename.

    Args:
        cells: digests of what the rows were made from (resumable.py), stored beside the metadata.

    Raises:
        UserError: the disk is full or the folder cannot be written; nothing is left under `path`.
    """
    path = Path(path)
    table = rows if isinstance(rows, pa.Table) else from_rows(name, rows)
    _check_columns(table.schema, name, path)
    stored = {METADATA_KEY: _json(metadata)}
    if cells is not None:
        stored[CELLS_KEY] = _json(cells)
    table = table.combine_chunks().replace_schema_metadata(stored)
    try:
        with replacing(path) as temporary, pa.OSFile(str(temporary), "wb") as sink:
            options = pa.ipc.IpcWriteOptions(compression="zstd")
            with pa.ipc.new_file(sink, table.schema, options=options) as writer:
                writer.write_table(table)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise UserError(f"{path} could not be written: {reason}; nothing was left there.") from error


def from_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as dicts → an Arrow table with the schema of table `name`."""
    rows = list(rows)
    columns = {key: [row[key] for row in rows] for key in TABLES[name].columns}
    fields = [pa.field(key, _type(column, columns[key])) for key, column in TABLES[name].columns.items()]
    return pa.Table.from_pydict(columns, schema=pa.schema(fields))


def _type(column: Column, values: list[Any]) -> pa.DataType:
    """The column's admitted type that the values have as NumPy arrays; its first type for all else."""
    if column.also and values and hasattr(values[0], "dtype"):
        admitted = (column.type, *column.also)
        return next((t for t in admitted if t.value_type == pa.from_numpy_dtype(values[0].dtype)), column.type)
    return column.type


def read_arrow(path: str | Path, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read and check one file of table `name`; columns that are not asked for are not even decompressed.

    Raises:
        UserError: missing, truncated or foreign file, or a schema other than this version's.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist: run the stage that writes it.")
    try:
        with pa.memory_map(str(path)) as source:
            schema = pa.ipc.open_file(source).schema
            _check_columns(schema, name, path)
            wanted = schema.names if columns is None else list(columns)
            indices = sorted(schema.get_field_index(column) for column in wanted)
            table = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=indices)).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path} is not a complete Arrow file ({str(error).splitlines()[0]}): delete it and run snakemake again."
        ) from error
    return _widened(table.select(wanted), name)


def _widened(table: pa.Table, name: str) -> pa.Table:
    """The table with lists as this version makes them: earlier ones wrote some with offsets of 32 bits."""
    fields = [
        field if _admits(TABLES[name].columns[field.name], field.type) else field.with_type(large(field.type))
        for field in table.schema
    ]
    return table.cast(pa.schema(fields, table.schema.metadata))


def _admits(column: Column, kind: pa.DataType) -> bool:
    return kind in (column.type, *column.also)


def read(paths: str | Path | Iterable[str | Path], name: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Checked read of one file or of all parts of table `name`, in the order given; all columns or these."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    return pl.concat([pl.DataFrame(read_arrow(path, name, columns)) for path in paths])


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The `infohorizon` metadata of one file; {} where it has none."""
    return _metadata(path, METADATA_KEY)


def read_cells(path: str | Path) -> dict[str, dict[str, str]]:
    """Digests of the items and groups that a file's rows were made from (resumable.py)."""
    return {"items": {}, "groups": {}, **_metadata(path, CELLS_KEY)}


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()


def _metadata(path: str | Path, key: bytes) -> dict[str, Any]:
    with pa.memory_map(str(path)) as source:
        schema = pa.ipc.open_file(source).schema
    return json.loads((schema.metadata or {}).get(key, b"{}"))


def _check_columns(schema: pa.Schema, name: str, path: Path) -> None:
    expected = TABLES[name].columns
    if schema.names != list(expected):
        raise UserError(
            f"{path} is not a table '{name}' of this version: its columns are {', '.join(schema.names)}, "
            f"expected {', '.join(expected)}; delete it and run snakemake again."
        )
    for field in schema:
        column = expected[field.name]
        if not (_admits(column, field.type) or _admits(column, large(field.type))):
            raise UserError(
                f"{path}: column '{field.name}' has type {field.type}, expected {column.type}; "
                "delete it and run snakemake again."
            )
