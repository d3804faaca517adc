"""Each benchmark's own metric by layer, one small panel a strategy, between the unpruned and the blind level."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis import observations
from infohorizon.analysis.horizons import configured, depth_of
from infohorizon.figures import style

ACROSS = 6  # panels side by side
WIDTH, HEIGHT = 1.75, 1.3  # inches of a panel
LEFT, RIGHT, TOP, BOTTOM, BETWEEN = 1.15, 0.1, 0.95, 0.5, 0.62  # inches around the panels and between their lines
RANDOM, OWN = style.Look("#000000", ""), style.Look(style.PALETTE[0], "o")
HORIZON: dict[str, Any] = {"color": style.PALETTE[1], "linewidth": 1.3}


class Cell(NamedTuple):
    """What the panels of one block have in common: a model on a benchmark at one keep; `names` are its strategies."""

    model: str
    benchmark: str
    keep: float
    names: tuple[str, ...]


def sweep_figure(
    metrics: pl.DataFrame, horizon: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """A block of panels for each benchmark, model and keep; in each panel one strategy, and random beside it.

    Args:
        metrics: the metrics table; drop-all (keep 0) has a panel in the first block of each model and benchmark.
            Images at lower resolution are drawn in the panels of their keeps.
        horizon: the horizon table, for the information horizons and the models' depths.
    """
    if metrics.is_empty() or (values := observations.own_metric(metrics, "strategy")).is_empty():
        return style.empty("No strategy was swept in this study.")
    values = values.filter(pl.col("layer").is_not_null()).sort("layer")
    levels, smaller = observations.levels(metrics, "strategy"), observations.own_metric(metrics, "downsample")
    rows = [row for cell in _cells(values, models, benchmarks) for row in _wrapped(cell)]
    across = max(len(row.names) for row in rows)
    figure, axes = _grid(len(rows), across)
    for panels, row in zip(axes, rows, strict=True):
        name = {"model": row.model, "benchmark": row.benchmark}
        own = values.filter(**name)
        for panel, strategy in zip(panels, row.names, strict=False):
            style.levels(panel, levels.filter(**name), bands=False)
            _horizon(panel, configured(horizon).filter(**name, criterion="information", strategy=""))
            _downsampled(panel, smaller.filter(**name, keep=row.keep))
            _random(panel, own.filter(name="random", keep=row.keep))
            if strategy != "random":
                at = (pl.col("keep") == row.keep) | (pl.col("keep") == 0)
                _strategy(panel, own.filter(at, name=strategy), strategy)
            style.layer_axis(panel, depth_of(horizon, own, **name), ticks=4)
            panel.set_title(style.strategy_label(strategy), fontsize=9)
        for panel in panels[len(row.names) :]:
            panel.set_axis_off()
        panels[0].set_ylabel(
            f"{row.benchmark}, {row.model}\nkeep {amount(row.keep)}\n{style.metric_label(own)}", fontsize=8
        )
        panels[0].set_xlabel("layer at whose input tokens leave", fontsize=8, loc="left")
    _one_scale(axes, rows)
    figure.legend(handles=_handles(values, smaller), loc="upper left", ncols=2 if across > 3 else 1)
    return figure


def amount(keep: float) -> str:
    """A configured keep in words: a fraction below 1 as a percentage, else a number of tokens."""
    return f"{keep:.4g} tokens" if keep >= 1 else f"{100 * keep:.4g} %" if keep > 0 else "none"


def _cells(values: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]) -> list[Cell]:
    """The blocks, from top to bottom. Random has no panel of its own where others show it."""
    cells = []
    for benchmark in style.ordered(benchmarks, values, "benchmark"):
        for model in style.ordered(models, values, "model"):
            own = values.filter(model=model, benchmark=benchmark)
            keeps = sorted(own.filter(pl.col("keep") > 0)["keep"].unique(), key=_amount, reverse=True)
            for number, keep in enumerate(keeps or [0.0] * (own.height > 0)):
                at = pl.col("keep").is_in([keep, 0.0] if number == 0 else [keep])
                cells.append(Cell(model, benchmark, keep, _names(own.filter(at))))
    return cells


def _names(values: pl.DataFrame) -> tuple[str, ...]:
    """The strategies that get a panel; drop-all comes last, since only the first block of several has it."""
    names = style.strategy_order(values["name"].unique())
    others = [name for name in names if name not in ("random", "drop-all")]
    return (*others, *([name for name in names if name == "drop-all"] if others else names))


def _wrapped(cell: Cell) -> list[Cell]:
    """The cell's strategies in lines of at most ACROSS."""
    starts = range(0, len(cell.names), ACROSS)
    return [cell._replace(names=cell.names[start : start + ACROSS]) for start in starts]


def _grid(rows: int, across: int) -> tuple[Figure, Any]:
    """The figure and its axes (rows, across). Margins are fixed: fitting hundreds of panels would take minutes."""
    width = max(LEFT + across * WIDTH + RIGHT, 5.5)
    height = TOP + rows * HEIGHT + (rows - 1) * BETWEEN + BOTTOM
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(rows, across, squeeze=False)
    edges = {"left": LEFT / width, "right": 1 - RIGHT / width, "top": 1 - TOP / height, "bottom": BOTTOM / height}
    figure.subplots_adjust(**edges, wspace=0.12, hspace=BETWEEN / HEIGHT)
    return figure, axes


def _one_scale(axes: Any, rows: Sequence[Cell]) -> None:
    """One vertical scale for all panels of a model and benchmark; its numbers stand at the first panel of a line."""
    for _, group in groupby(zip(axes, rows, strict=True), key=lambda pair: pair[1][:2]):
        shown = [panel for panels, row in group for panel in panels[: len(row.names)]]
        limits = [panel.get_ylim() for panel in shown]
        for panel in shown:
            panel.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
            style.metric_axis(panel)
            panel.tick_params(labelsize=8, labelleft=panel.get_subplotspec().is_first_col())


def _amount(keep: float) -> tuple[bool, float]:
    """Sort key: fractions apart from counts, each by size."""
    return keep >= 1, keep


def _random(panel: Axes, line: pl.DataFrame) -> None:
    panel.fill_between(line["layer"], line["low"], line["high"], color=RANDOM.color, alpha=0.14, linewidth=0)
    panel.plot(line["layer"], line["mean"], color=RANDOM.color, linewidth=1.4, label="random")


def _downsampled(panel: Axes, rows: pl.DataFrame) -> None:
    """The level of the image at lower resolution, which no layer changes."""
    for row in rows.iter_rows(named=True):
        panel.axhline(row["mean"], **style.DOWNSAMPLED, zorder=2, label="downsample")


def _strategy(panel: Axes, line: pl.DataFrame, name: str) -> None:
    bars = panel.errorbar(
        line["layer"], line["mean"], style.errors(line), **OWN.line(), markersize=3, elinewidth=0.8, label=name
    )
    bars.lines[0].set_linewidth(1.3)


def _horizon(panel: Axes, rows: pl.DataFrame) -> None:
    """The information horizon as a line, its confidence set as a band; a band alone where it is never reached."""
    for row in rows.filter(pl.col("layer").is_not_null()).iter_rows(named=True):
        panel.axvspan(row["low"], row["high"], color=HORIZON["color"], alpha=0.13, linewidth=0, zorder=0)
        if row["layer"] < row["depth"]:
            panel.axvline(row["layer"], **HORIZON, zorder=1, label="horizon")


def _handles(values: pl.DataFrame, smaller: pl.DataFrame) -> list[Line2D]:
    random = [style.handle(RANDOM, "random, with its interval")] * ("random" in values["name"])
    own = style.handle(OWN, "the strategy above the panel, with its interval")
    horizon = Line2D([], [], **HORIZON, label="information horizon, with its confidence set")
    blurred = [Line2D([], [], **style.DOWNSAMPLED, label="image at lower resolution")]
    drawn = smaller["keep"].is_in(values["keep"].unique().to_list()).any()
    return [own, *random, horizon, *style.level_handles(), *blurred * drawn]
