"""The large tables of a study, read part by part; question ids are numbers, which take an eighth of the memory."""

from collections.abc import Callable, Iterable, Sequence

import polars as pl

from infohorizon import tables


def type_of_ids(questions: pl.DataFrame) -> pl.Enum:
    """The type of question ids that are numbers; they are sorted as texts are.

    Args:
        questions: the benchmark table.
    """
    return pl.Enum(questions["question_id"].unique().sort())


def numbered(frame: pl.DataFrame, ids: pl.Enum) -> pl.DataFrame:
    """A table with its question ids as numbers; without the rows of other questions."""
    found = frame.with_columns(pl.col("question_id").cast(ids, strict=False))
    return found.drop_nulls("question_id") if found["question_id"].null_count() else found


def parts(paths: Iterable[str], name: str, columns: Sequence[str], ids: pl.Enum) -> Iterable[pl.DataFrame]:
    """The parts of table `name`, one at a time, with these columns and numbered ids."""
    return (numbered(tables.read(path, name, columns), ids) for path in paths)


def by_name(
    frames: Iterable[pl.DataFrame], column: str, reduce: Callable[[pl.DataFrame], pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """Rows by strategy or schedule, those of each part reduced before the next one is read."""
    found: dict[str, list[pl.DataFrame]] = {}
    for frame in frames:
        for (name,), rows in frame.partition_by(column, as_dict=True, maintain_order=True).items():
            found.setdefault(str(name), []).append(reduce(rows))
    return {name: pl.concat(own) for name, own in found.items()}
