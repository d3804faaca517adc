"""From the tables of one model on one benchmark to panels: every question × every cell, complete and in one order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infohorizon import tables
from infohorizon.analysis.reading import (
    INFORMATION,
    REMOVALS,
    SCHEDULES,
    SWEEP,
    by_name,
    numbered,
    over_windows,
    parts,
    per_question,
    type_of_ids,
)
from infohorizon.analysis.statistics import Array, Clusters, cluster
from infohorizon.errors import UserError

CELL = ("layer", "keep")
DUST = 1e-9


@dataclass(frozen=True)
class Tables:
    """The tables of one model on one benchmark; what was not run is absent or empty.

    Attributes:
        depth: number of decoder layers of the model: the layer of a horizon that is never reached.
        questions: benchmark table (question_id, image_id and category are read).
        answers: answers table.
        information: `over_windows` of the information table.
        sweeps, schedules: tables by strategy and by schedule, as they are or after `per_question`.
        removals: rows of the removals table.
        losses: rows of the losses table.
        matched: strategy → the random strategy that keeps as many tokens as it does; all others are compared with
            `random`.
    """

    model: str
    benchmark: str
    depth: int
    questions: pl.DataFrame
    answers: pl.DataFrame | None = None
    information: pl.DataFrame | None = None
    sweeps: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    schedules: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    removals: pl.DataFrame | None = None
    losses: pl.DataFrame | None = None
    matched: Mapping[str, str] = field(default_factory=dict)
    _pairs: dict[str, "Panel"] = field(default_factory=dict, init=False)

    def full(self) -> pl.DataFrame:
        """Unpruned scores: question_id, score, tokens (null: the tables do not say)."""
        assert self.answers is not None
        full = self.answers.filter(pl.col("condition") == "full")
        return full.select("question_id", "score", tokens=pl.lit(None, pl.Float64))

    def within(self, category: str) -> "Tables":
        """The questions of one category alone."""
        return replace(self, questions=self.questions.filter(category=category))

    def random_for(self, strategy: str) -> str:
        """The random strategy that a strategy is compared with."""
        return self.matched.get(strategy, "random")

    def compared_with_random(self) -> list[str]:
        """The strategies whose random baseline was also swept."""
        own = self.sweeps.keys() - {"random", "drop-all"} - set(self.matched.values())
        return [strategy for strategy in sorted(own) if self.random_for(strategy) in self.sweeps]

    def with_random(self, strategy: str) -> "Panel":
        """Paired differences from random in all cells; paired once, since several analyses take them."""
        if strategy not in self._pairs:
            random = per_question(self.sweeps[self.random_for(strategy)], CELL)
            self._pairs[strategy] = self.paired(self.sweeps[strategy], random, CELL, f"sweep of {strategy}")
        return self._pairs[strategy]

    def against_random(self, strategy: str) -> "Panel":
        """Those of the cells where both kept the same number of tokens."""
        panel = self.with_random(strategy)
        unequal = panel.frame.filter((pl.col("tokens") - pl.col("tokens_baseline")).abs() > DUST)
        if unequal.is_empty():
            return panel
        cells = unequal.select(CELL).unique()
        return Panel(panel.frame.join(cells, on=CELL, how="anti", maintain_order="left"), panel.keys)

    def panel(self, frame: pl.DataFrame, keys: Sequence[str], what: str) -> "Panel":
        """Panel of a frame with one row per question and cell; raises UserError where it is not complete."""
        frame = frame.join(self.questions.select("question_id", "image_id"), on="question_id")
        panel = Panel(frame.sort("question_id", *keys), list(keys))
        if frame.height != panel.questions * panel.cells.height:
            raise UserError(
                f"{what} of {self.model} on {self.benchmark}: not every question has a row for each "
                f"{' and '.join(keys)}; delete these tables and run snakemake again."
            )
        return panel

    def paired(self, frame: pl.DataFrame, baseline: pl.DataFrame, keys: Sequence[str], what: str) -> "Panel":
        """Panel of `difference` = score − baseline's score, joined on the question and on the keys both have."""
        on = [column for column in ("question_id", *keys) if column in baseline.columns]
        pairs = per_question(frame, keys).join(baseline, on=on, suffix="_baseline")
        difference = pl.col("score") - pl.col("score_baseline")
        dust = difference.abs() < DUST  # what rounding leaves of equal means over repeats
        pairs = pairs.with_columns(difference=pl.when(dust).then(0.0).otherwise(difference))
        return self.panel(pairs, keys, what)


@dataclass(frozen=True)
class Panel:
    """Rows sorted by question and cell; keys: the columns that make a cell."""

    frame: pl.DataFrame
    keys: list[str]

    @cached_property
    def cells(self) -> pl.DataFrame:
        """The K cells in order, one row each."""
        return self.frame.select(self.keys).unique().sort(self.keys)

    @property
    def layers(self) -> NDArray[np.int64]:
        """(K,) layer of each cell."""
        return self.cells["layer"].to_numpy()

    @cached_property
    def questions(self) -> int:
        return self.frame["question_id"].n_unique()

    @cached_property
    def images(self) -> int:
        return self.frame["image_id"].n_unique()

    def where(self, **key: float) -> "Panel":
        """The cells with this value of a key."""
        return Panel(self.frame.filter(**key), self.keys)

    def values(self, column: str) -> Array:
        """(questions, K) values of a column; null becomes NaN."""
        return self.frame[column].cast(pl.Float64).to_numpy().reshape(self.questions, -1)

    def clusters(self, column: str) -> Clusters:
        """Sums of a column over the questions of each image; raises UserError at a value that is not finite."""
        values = self.values(column)
        if not np.isfinite(values).all():
            row = self.frame.row(int(np.argmin(np.isfinite(values))), named=True)
            cell = ", ".join(f"{key} {row[key]}" for key in self.keys)
            raise UserError(f"'{column}' of question {row['question_id']} at {cell} is not a finite number.")
        return self.clustered(values)

    def clustered(self, values: Array) -> Clusters:
        """Sums of values (questions, K) over the questions of each image."""
        return cluster(values, self.frame["image_id"].gather_every(values.shape[1]).to_numpy())


def read_tables(
    files: Mapping[str, Any], model: str, benchmark: str, depth: int, matched: Mapping[str, str] | None = None
) -> Tables:
    """The tables of one model on one benchmark; of the large ones only what is needed, a part at a time.

    Args:
        files: paths by what they hold (questions, answers, information, removals, sweep, schedules), of all models and
            benchmarks; losses: one path.
    """
    stages = ("answers", "information", "removals", "sweep", "schedules")
    own = {name: tables.matching(files[name], name, model=model, benchmark=benchmark) for name in stages}
    questions = tables.read(tables.matching(files["questions"], "benchmark", benchmark=benchmark), "benchmark")
    ids = type_of_ids(questions)
    information = [over_windows(part) for part in parts(own["information"], "information", INFORMATION, ids)]
    removals = list(parts(own["removals"], "removals", REMOVALS, ids))
    return Tables(
        model,
        benchmark,
        depth,
        questions=numbered(questions, ids),
        answers=numbered(tables.read(own["answers"], "answers"), ids),
        information=pl.concat(information) if information else None,
        removals=pl.concat(removals) if removals else None,
        losses=tables.read(files["losses"], "losses").filter(model=model, benchmark=benchmark),
        sweeps=by_name(parts(own["sweep"], "sweep", SWEEP, ids), "strategy", lambda rows: per_question(rows, CELL)),
        schedules=by_name(
            parts(own["schedules"], "schedules", SCHEDULES, ids),
            "schedule",
            lambda rows: per_question(rows, ["schedule"]),
        ),
        matched=matched or {},
    )
