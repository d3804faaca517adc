"""The recommendation of one model in plain English: a Markdown page, and the parts of the report's section."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from infohorizon.analysis.recommendation import LOSSES, UNITS
from infohorizon.analysis.trials import DOWNSAMPLE, ROLES
from infohorizon.report.rows import percent

HEADS = ["", "schedule", "visual tokens", "search", "held-out", "held-out, more than the recommended one"]


def in_words(stages: Sequence[Sequence[Any]]) -> str:
    """Stages [layer, strategy, keep] as a sentence's part."""
    parts = [
        f"{strategy} keeps {percent(keep)} of the visual tokens from layer {layer} on"
        if keep
        else f"none is left from layer {layer} on"
        for layer, strategy, keep in stages
    ]
    return ", ".join(parts)


class Advice(NamedTuple):
    """What is recommended for one budget, and what that rests on, in words.

    Attributes:
        rows: cells of a table with the heads HEADS, a row a role.
    """

    budget: float
    recommended: str
    found: str
    rows: list[list[str]]
    verdict: str


def advice(table: pl.DataFrame) -> list[Advice]:
    """One model's rows of the table `recommendation`, budget by budget, mean over benchmarks."""
    budgets = table.filter(benchmark="").partition_by("budget", as_dict=True, maintain_order=True)
    return [_advice(float(budget), rows) for (budget,), rows in budgets.items()]


def about(table: pl.DataFrame, loss: str) -> str:
    """What the numbers of a model's rows are.

    Args:
        loss: what is lost: score or agreement.
    """
    benchmarks = table["benchmark"].n_unique() - 1
    return (
        f"A budget is a share of the unpruned run's {UNITS[table['unit'][0]]}. What counts is the {LOSSES[loss]}, mean "
        f"over {benchmarks} benchmark(s), with intervals. Schedules were chosen on the search split; the held-out "
        "split has other images. What was chosen for its small loss looks better on the questions that it was chosen "
        "on than it is (the winner's curse): quote the held-out loss."
    )


def page(table: pl.DataFrame, loss: str, figure: str) -> str:
    """The Markdown page of one model.

    Args:
        table: its rows of the table `recommendation`.
        loss: what is lost: score or agreement.
        figure: path of the figure, from the page.
    """
    lines = [f"# Pruning schedules for {table['model'][0]}", "", about(table, loss), ""]
    lines += [f"![Loss against budget]({figure})", ""]
    for one in advice(table):
        cells = [HEADS, ["---"] * len(HEADS), *one.rows]
        lines += [
            f"## Budget {one.budget:g}",
            "",
            f"**Recommended: {one.recommended}** (`schedule-{one.budget:g}.json`).",
        ]
        lines += [one.found, "", *(f"| {' | '.join(row)} |" for row in cells), "", one.verdict, ""]
    return "\n".join(lines)


def _advice(budget: float, rows: pl.DataFrame) -> Advice:
    cells = {(row["split"], row["role"]): row for row in rows.iter_rows(named=True) if row["role"] in ROLES}
    search, held_out = cells["search", "winner"], cells["held-out", "winner"]
    tried = rows.filter(pl.col("role") != DOWNSAMPLE, split="search")["schedule"].n_unique()
    found = (
        f"On {held_out['questions']} held-out questions about {held_out['images']} images it loses "
        f"{_interval(held_out)} and keeps {held_out['token_share']:.1%} of the visual tokens, mean over layers. On the "
        f"{search['questions']} questions that it was chosen on, the best of {tried}, it lost {search['loss']:.3f}."
    )
    shown = [
        _row(name, cells["search", role], cells["held-out", role])
        for role, name in ROLES.items()
        if ("held-out", role) in cells
    ]
    return Advice(budget, in_words(json.loads(held_out["stages"])), found, shown, _verdict(cells))


def _row(name: str, search: Mapping[str, Any], held_out: Mapping[str, Any]) -> list[str]:
    same = held_out["difference"] is None
    difference = "–" if same else _interval(held_out, "difference", "difference_")
    shares = [f"{held_out['token_share']:.1%}", _interval(search), _interval(held_out), difference]
    return [name, held_out["schedule"], *shares]


def _verdict(cells: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    """Whether held-out questions show the recommended schedule to be better than the others."""
    parts = []
    for role, words in list(ROLES.items())[1:]:
        row, name = cells.get(("held-out", role)), words if role == "random" else f"the {words}"
        if row is None:
            parts.append(f"no {words.removeprefix('best ')} meets this budget")
        elif row["difference"] is None:
            parts.append(f"{name} is the recommended schedule itself")
        elif row["difference_low"] > 0:
            parts.append(f"{name} is shown to lose more")
        elif row["difference_high"] < 0:
            parts.append(f"{name} is shown to lose less")
        else:
            parts.append(f"no difference from {name} is shown")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _interval(row: Mapping[str, Any], value: str = "loss", prefix: str = "") -> str:
    return f"{row[value]:.3f} ({row[f'{prefix}low']:.3f} to {row[f'{prefix}high']:.3f})"
