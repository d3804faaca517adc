"""The recommendation of one model as a Markdown page, in plain English."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon.analysis.recommendation import LOSSES, UNITS
from infohorizon.analysis.trials import ROLES


def in_words(stages: Sequence[Sequence[Any]]) -> str:
    """Stages [layer, strategy, keep] as a sentence's part."""
    parts = [
        f"{strategy} keeps {keep:.1%} of the visual tokens from layer {layer} on"
        if keep
        else f"none is left from layer {layer} on"
        for layer, strategy, keep in stages
    ]
    return ", ".join(parts)


def page(table: pl.DataFrame, loss: str, figure: str) -> str:
    """The page of one model.

    Args:
        table: its rows of the table `recommendation`.
        loss: what is lost: score or agreement.
        figure: path of the figure, from the page.
    """
    first, benchmarks = table.row(0, named=True), table["benchmark"].n_unique() - 1
    means = table.filter(benchmark="")
    lines = [
        f"# Pruning schedules for {first['model']}",
        "",
        f"A budget is a share of the unpruned run's {UNITS[first['unit']]}. What counts is the {LOSSES[loss]}, mean "
        f"over {benchmarks} benchmark(s), with intervals. Schedules were chosen on the search split; the held-out "
        "split has other images. What was chosen for its small loss looks better on the questions that it was chosen "
        "on than it is (the winner's curse): quote the held-out loss.",
        "",
        f"![Loss against budget]({figure})",
        "",
    ]
    for (budget,), rows in means.partition_by("budget", as_dict=True, maintain_order=True).items():
        lines += [*_budget(float(budget), rows), ""]
    return "\n".join(lines)


def _budget(budget: float, rows: pl.DataFrame) -> Iterator[str]:
    cells = {(row["split"], row["role"]): row for row in rows.iter_rows(named=True) if row["role"] in ROLES}
    search, held_out = cells["search", "winner"], cells["held-out", "winner"]
    tried = rows.filter(split="search")["schedule"].n_unique()
    yield f"## Budget {budget:g}"
    yield ""
    yield f"**Recommended: {in_words(json.loads(held_out['stages']))}** (`schedule-{budget:g}.json`)."
    yield (
        f"On {held_out['questions']} held-out questions about {held_out['images']} images it loses "
        f"{_interval(held_out)} and keeps {held_out['token_share']:.1%} of the visual tokens, mean over layers. On the "
        f"{search['questions']} questions that it was chosen on, the best of {tried}, it lost {search['loss']:.3f}."
    )
    yield ""
    yield "| | schedule | visual tokens | search | held-out | held-out, more than the recommended one |"
    yield "|---|---|---|---|---|---|"
    for role, name in ROLES.items():
        if ("held-out", role) in cells:
            yield _row(name, cells["search", role], cells["held-out", role])
    yield ""
    yield _verdict(cells)


def _row(name: str, search: Mapping[str, Any], held_out: Mapping[str, Any]) -> str:
    same = held_out["difference"] is None
    difference = "–" if same else _interval(held_out, "difference", "difference_")
    columns = [name, held_out["schedule"], f"{held_out['token_share']:.1%}", _interval(search), _interval(held_out)]
    return f"| {' | '.join([*columns, difference])} |"


def _verdict(cells: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    """Whether held-out questions show the recommended schedule to be better than the others."""
    parts = []
    for role, words in list(ROLES.items())[1:]:
        row, name = cells.get(("held-out", role)), f"the {words}" if words.startswith("best") else words
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
