"""Tables filled cell by cell: what is finished is kept, whatever is killed, added or changed elsewhere.

A *cell* is what identifies a row: the columns `key` of its table (a question under a strategy, layer, keep and repeat).
Two digests decide whether a finished cell may be used again: that of its *item* (the question with its image) and that
of its *group* (the settings and the code behind one strategy, one schedule, or the whole table). Which cells a table
holds decides nothing: a new layer, keep, strategy or question computes its own cells alone.

Finished cells live in a folder `.cells` beside the tables: chunks of a job that has not ended, a hard link to each
complete table (Snakemake deletes a table before its job runs again), and rows that no table holds any more. All are
Arrow files of the table's schema with the digests in their metadata. The folder may be deleted; what it held is then
computed again when a table is rewritten.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from infohorizon.errors import UserError
from infohorizon.seeding import digest_of
from infohorizon.tables.files import from_rows, read_arrow, read_cells, write
from infohorizon.tables.schemas import TABLES

log = logging.getLogger("infohorizon")
FOLDER = ".cells"
CHUNK = 16  # items whose rows are stored together while a job runs

Digests = Mapping[str, Mapping[str, str]]
Rows = list[Mapping[str, Any]]
Compute = Callable[[str, list[dict[str, Any]]], Rows]
Complete = Callable[[Rows], Rows]


@dataclass(frozen=True)
class Cells:
    """The cells that a table is to hold, and what decides their values.

    Attributes:
        table: name in TABLES.
        wanted: the table's key columns, one row per cell, in the order of the table; cells of one item stand together.
        items: item (the first key column) → digest of what it is.
        groups: value of the table's group column ("" where it has none) → digest of the settings and code behind it.
    """

    table: str
    wanted: pl.DataFrame
    items: Mapping[str, str]
    groups: Mapping[str, str]

    @cached_property
    def key(self) -> list[str]:
        return list(TABLES[self.table].key)

    @cached_property
    def places(self) -> pl.DataFrame:
        """`wanted` in the table's types, with each cell's place."""
        types = pl.DataFrame(TABLES[self.table].schema().empty_table()).schema
        return self.wanted.select(pl.col(name).cast(types[name]) for name in self.key).with_row_index("place")

    def keys_of(self, table: pa.Table) -> pl.DataFrame:
        """Key columns of a table's rows, with each row's index."""
        return pl.DataFrame(table.select(self.key)).with_row_index("row")

    def valid(self, digests: Digests) -> pl.Expr:
        """Whether rows of a file with these digests are of this item and group as they are now."""
        items = [item for item, digest in self.items.items() if digests["items"].get(item) == digest]
        groups = [group for group, digest in self.groups.items() if digests["groups"].get(group) == digest]
        return pl.col(self.key[0]).is_in(items) & self._group().is_in(groups)

    def known(self) -> pl.Expr:
        """Whether a row's item and group are among those of this table."""
        return pl.col(self.key[0]).is_in(list(self.items)) & self._group().is_in(list(self.groups))

    def digests(self) -> dict[str, dict[str, str]]:
        """What files of these cells record."""
        return {"items": dict(self.items), "groups": dict(self.groups)}

    def _group(self) -> pl.Expr:
        column = TABLES[self.table].group
        return pl.lit("") if column is None else pl.col(column)


def fill(
    output: str | Path,
    cells: Cells,
    compute: Compute,
    metadata: Callable[[], Mapping[str, Any]],
    finish: Callable[[pa.Table], pa.Table] = lambda table: table,
    complete: Complete = lambda rows: rows,
    progress: Callable[[Iterable[Any], int], Iterator[Any]] = lambda items, total: iter(items),
) -> None:
    """Write a table: finished cells from the folder `.cells`, the others computed item by item.

    Args:
        output: path of the table; `.cells` is beside it.
        compute: (item, missing keys of the item as dicts) → rows of the table for at least these keys.
        metadata: of the table, asked once all is computed.
        finish: fills columns that cost nothing and are not part of a cell (scores), at every write.
        complete: rows as `compute` gives them → rows of the table, asked once for those of many items.
        progress: wraps the items still to be computed, given their number.
    Raises:
        UserError: a disk that is full or cannot be written; `compute` gives no row for a key.
    """
    output = Path(output)
    store = _Store(output, cells)
    tables = store.finished()
    missing = cells.places.join(_placed(cells, tables), on="place", how="anti")
    by_item = missing.partition_by(cells.key[0], as_dict=True, maintain_order=True)
    log.info("%d of %d cells to compute", missing.height, cells.places.height)

    rows: Rows = []
    for number, ((item,), keys) in enumerate(progress(by_item.items(), len(by_item)), start=1):
        rows += compute(item, keys.select(cells.key).to_dicts())
        if number % CHUNK == 0 or number == len(by_item):
            tables.append(store.add(from_rows(cells.table, complete(rows))))
            rows = []

    table = finish(_assembled(cells, tables))
    write(output, cells.table, table, metadata(), cells.digests())
    store.replace(table)


def finished(output: str | Path) -> Path | None:
    """The last complete table of this output, which Snakemake deletes before a job; None where there is none."""
    kept = _complete(Path(output))
    return kept if kept.is_file() else None


def _complete(output: Path) -> Path:
    return output.parent / FOLDER / f"{output.stem}.cells"


def _placed(cells: Cells, tables: Sequence[pa.Table]) -> pl.DataFrame:
    """For each place that a row of the tables fills: table (its number), row and place, in the order of places."""
    found = [
        cells.keys_of(table).join(cells.places, on=cells.key).select("place", "row", table=pl.lit(number))
        for number, table in enumerate(tables)
    ]
    none = pl.DataFrame(schema={"place": pl.UInt32, "row": pl.UInt32, "table": pl.Int32})
    return pl.concat([none, *found]).unique("place", keep="first", maintain_order=True).sort("place")


def _assembled(cells: Cells, tables: Sequence[pa.Table]) -> pa.Table:
    """The wanted rows in their order."""
    placed = _placed(cells, tables)
    if placed.height < cells.places.height:
        lost = cells.places.join(placed, on="place", how="anti").select(cells.key).row(0, named=True)
        raise UserError(f"table '{cells.table}': no row was computed for {lost}.")
    if not placed.height:
        return from_rows(cells.table, [])
    used = placed["table"].unique(maintain_order=True).to_list()
    starts = dict(zip(used, accumulate((tables[number].num_rows for number in used), initial=0), strict=False))
    joined = pa.concat_tables([tables[number] for number in used])
    rows = placed["row"].cast(pl.Int64) + placed["table"].replace_strict(starts, return_dtype=pl.Int64)
    if rows.equals(pl.int_range(joined.num_rows, eager=True)):  # taking rows copies them several times
        return joined
    return joined.take(rows.to_arrow())


class _Store:
    """The folder of finished cells beside an output."""

    def __init__(self, output: Path, cells: Cells) -> None:
        self.output, self.cells = output, cells
        self.folder = output.parent / FOLDER

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.cells"))

    def finished(self) -> list[pa.Table]:
        """Rows of the folder's files that are valid and wanted; unreadable files are deleted."""
        found = []
        for file in self.files():
            opened = self._open(file)
            if opened is None:
                continue
            table, keys, digests = opened
            rows = keys.filter(self.cells.valid(digests)).join(self.cells.places, on=self.cells.key)["row"]
            if len(rows):
                found.append(table.take(rows.sort().to_arrow()))
        return found

    def add(self, table: pa.Table) -> pa.Table:
        """Store a chunk of a job that has not ended, under the name of its cells."""
        name = digest_of(self.cells.keys_of(table).write_csv())
        write(self.folder / f"{self.output.stem}.{name}.cells", self.cells.table, table, {}, self.cells.digests())
        return table

    def replace(self, table: pa.Table) -> None:
        """Take over the finished table, and let go of what it holds and of what it has outdated."""
        new = self.folder / f"{self.output.stem}.new.cells"
        self.folder.mkdir(exist_ok=True)
        new.unlink(missing_ok=True)
        try:
            os.link(self.output, new)
        except OSError:  # a file system without hard links
            shutil.copyfile(self.output, new)
        held = self.cells.keys_of(table).drop("row")
        for file in self.files():
            if file != new:
                self._release(file, held)
        os.replace(new, _complete(self.output))

    def _release(self, file: Path, held: pl.DataFrame) -> None:
        """Remove from a file the rows that are held elsewhere or outdated; the rest takes a name of its own."""
        opened = self._open(file)
        if opened is None:
            return
        table, keys, digests = opened
        outdated = self.cells.known() & ~self.cells.valid(digests)
        rest = keys.filter(~outdated).join(held, on=self.cells.key, how="anti", nulls_equal=True)["row"].sort()
        own = file == _complete(self.output)
        if len(rest) == table.num_rows and not own:
            return
        if len(rest):
            name = digest_of([file.name, rest.to_list(), digests])
            write(self.folder / f"spare-{name}.cells", self.cells.table, table.take(rest.to_arrow()), {}, digests)
        file.unlink(missing_ok=True)

    def _open(self, file: Path) -> tuple[pa.Table, pl.DataFrame, Digests] | None:
        """A file's rows, their keys and digests; None for one without any of this table's items, or not to be read.

        Other shards' files are told by their metadata alone: their rows may be gigabytes.
        """
        try:
            digests = read_cells(file)
            if self.cells.items.keys().isdisjoint(digests["items"]):
                return None
            table = read_arrow(file, self.cells.table)
        except (UserError, OSError, pa.ArrowInvalid) as error:
            if file.exists():  # else another job has just let go of it
                log.warning("finished cells are lost: %s", error)
                file.unlink(missing_ok=True)
            return None
        return table, self.cells.keys_of(table), digests
