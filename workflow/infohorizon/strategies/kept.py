"""A user's own kept sets, from a file: what `snakemake export` writes, or any other tool."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import torch
from polars.exceptions import PolarsError

from infohorizon.errors import UserError
from infohorizon.strategies.base import Selection, Strategy, View

REQUIRED = ("question_id", "kept")
CHOOSING = {"layer": pl.Int64, "keep": pl.Float64, "repeat": pl.Int64}
"""Optional columns: a set counts at this value of a cell alone; a column that is absent: at every value."""


class Kept(Strategy):
    """Keeps the sets of a file (columns question_id, kept; optionally layer, keep, repeat, strategy).

    Options:
        file: Parquet (.parquet) or Arrow IPC (.arrow); a configuration's {model} and {benchmark} are replaced by names.
        name: which of the values of its column strategy; needed where there are several.

    `kept` holds 0-based indices into the image's grid of visual tokens in reading order, in any order, none twice.
    """

    name = "kept"
    paper = "your own sets"
    needs = "a file of kept sets"
    sizes_itself = True

    def __init__(self, file: str = "", name: str | None = None) -> None:
        if not file:
            raise ValueError("give it a file, as in `mine: {strategy: kept, file: mine.parquet}`")
        self.file, frame = file, _read(Path(file).expanduser())
        if "strategy" in frame.columns:
            frame = _of_strategy(file, frame, name)
        self.columns = [column for column in CHOOSING if column in frame.columns]
        self.random = "repeat" in self.columns and frame["repeat"].n_unique() > 1
        self.frame = frame.select("question_id", *self.columns, pl.col("kept").list.sort())
        self._check()

    def select(self, view: View, keep: int) -> Selection:
        place = {"layer": view.layer, "keep": float(view.amount), "repeat": view.repeat}
        key = (view.question_id, *(place[column] for column in self.columns))
        if key not in self._rows:
            raise UserError(f"{self.file} has no set for {self._named(key)}.")
        kept = self.frame["kept"][self._rows[key]].to_list()
        here = view.noted(("kept",), lambda: {token: index for index, token in enumerate(view.present.tolist())})
        if gone := [token for token in kept if token not in here]:
            raise UserError(
                f"{self.file}: token {gone[0]} of question {view.question_id} at layer {view.layer} is not there: "
                "the image has fewer tokens, or an earlier stage removed it."
            )
        return Selection(torch.tensor([here[token] for token in kept], dtype=torch.int64))

    def faults(self, tokens: Mapping[str, int], cells: Sequence[tuple[int, float, int]]) -> list[str]:
        """What the file lacks for a study, and what lies beyond an image, a sentence each without a full stop.

        Args:
            tokens: question → how many visual tokens its image has.
            cells: (layer, keep, repeat) at which every question is asked.
        """
        if not cells:
            return []
        asked = pl.DataFrame({"question_id": list(tokens), "count": list(tokens.values())})
        if self.columns:
            places = pl.DataFrame(list(cells), dict(CHOOSING), orient="row").select(self.columns).unique()
            asked = places.sort(self.columns).join(asked, how="cross", maintain_order="left_right")
        own = self.frame.with_columns(largest=pl.col("kept").list.max(), known=True).drop("kept")
        found = asked.join(own, on=["question_id", *self.columns], how="left", maintain_order="left")
        lacking = found.filter(pl.col("known").is_null()).select("question_id", *self.columns)
        beyond = found.filter(pl.col("largest") >= pl.col("count")).select("question_id", "largest", "count").unique()
        return [
            *(f"{self.file} has no set for {self._named(key)}" for key in lacking.iter_rows()),
            *(
                f"{self.file}: question {question} keeps token {token}, but its image has {count} (0 to {count - 1})"
                for question, token, count in beyond.sort(pl.all()).iter_rows()
            ),
        ]

    @cached_property
    def _rows(self) -> dict[tuple[Any, ...], int]:
        """Question and place → row of the frame."""
        return {key: row for row, key in enumerate(self.frame.drop("kept").iter_rows())}

    def _check(self) -> None:
        """Refuse two sets for one place, and sets that are none."""
        kept, element = pl.col("kept"), pl.element()
        bad = kept.is_null() | kept.list.eval(element.is_null() | (element < 0)).list.any()
        for wrong, sentence in (
            (bad, "`kept` must hold whole numbers from 0 on."),
            (kept.list.n_unique() < kept.list.len(), "a token is kept twice."),
            (pl.struct("question_id", *self.columns).is_duplicated(), "there are two sets; each place needs one."),
        ):
            if len(rows := self.frame.filter(wrong).drop("kept")):
                raise UserError(f"{self.file}: {self._named(rows.row(0))}: {sentence}")

    def _named(self, key: Sequence[Any]) -> str:
        places = [f"{column} {value:g}" for column, value in zip(self.columns, key[1:], strict=True)]
        return ", ".join([f"question {key[0]}", *places])


def _read(file: Path) -> pl.DataFrame:
    """The file's columns that count, in the types that cells have.

    Raises:
        UserError: it is missing or cannot be read, lacks a column, or holds one of another type.
    """
    if not file.is_file():
        raise UserError(f"{file} does not exist: give a Parquet or Arrow file with kept sets.")
    try:
        frame = pl.read_ipc(file) if file.suffix == ".arrow" else pl.read_parquet(file)
    except (PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{file} cannot be read as {file.suffix or 'Parquet'} ({reason}): write it again.") from error
    if lacking := [column for column in REQUIRED if column not in frame.columns]:
        raise UserError(f"{file} lacks the column {lacking[0]}; it has {', '.join(frame.columns)}.")
    types: dict[str, Any] = {"question_id": pl.String, "kept": pl.List(pl.Int64), "strategy": pl.String, **CHOOSING}
    columns = [column for column in types if column in frame.columns]
    try:
        return frame.select(pl.col(column).cast(types[column]) for column in columns)
    except PolarsError as error:
        wrong = next((c for c in columns if not _castable(frame[c], types[c])), columns[0])
        raise UserError(
            f"{file}: column {wrong} holds {frame[wrong].dtype} where {types[wrong]} is expected."
        ) from error


def _castable(series: pl.Series, kind: Any) -> bool:
    try:
        series.cast(kind)
    except PolarsError:
        return False
    return True


def _of_strategy(file: str, frame: pl.DataFrame, name: str | None) -> pl.DataFrame:
    names = frame["strategy"].unique().sort().to_list()
    if name is None and len(names) > 1:
        raise UserError(f"{file} holds the sets of {', '.join(names)}: say which with `name`.")
    if name is not None and name not in names:
        raise UserError(f"{file} holds no sets of '{name}', but of {', '.join(names)}.")
    return frame if name is None else frame.filter(strategy=name)
