"""Each benchmark's own metric under every schedule, sorted by the mean number of visual tokens over all layers."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis import observations
from infohorizon.figures import style

LOOK = style.Look(style.PALETTE[0], "o")


def schedules_figure(
    schedules: pl.DataFrame, metrics: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """One row of panels a model, one column a benchmark; in each panel a line a schedule, its tokens at the right.

    A schedule's name may carry the tokens of the model it was published for, so the measured ones are written out.

    Args:
        schedules: `observations.schedules`, which knows the tokens.
        metrics: the metrics table.
    """
    if schedules.is_empty():
        return style.empty("No schedule was run in this study.")
    models = style.ordered(models, schedules, "model")
    benchmarks = style.ordered(benchmarks, schedules, "benchmark")
    cell = ["model", "benchmark", "name"]
    tokens = schedules.rename({"schedule": "name"}).group_by(cell).agg(pl.col("tokens").mean())
    points = observations.own_metric(metrics, "schedule").join(tokens, on=cell).sort(cell)
    levels = observations.levels(metrics, "schedule")
    lines = points["name"].n_unique()
    figure, axes = style.panels(len(models), len(benchmarks), 3.3, 0.22 * lines + 1.0)
    for row, model in enumerate(models):
        own = points.filter(model=model)
        names = own.group_by("name").agg(pl.col("tokens").mean()).sort("tokens", "name")["name"].to_list()
        for column, benchmark in enumerate(benchmarks):
            panel = axes[row, column]
            _levels(panel, levels.filter(model=model, benchmark=benchmark))
            _points(panel, own.filter(benchmark=benchmark), names, first=column == 0)
            panel.set_title(f"{model}\n{benchmark}", loc="left")
            panel.set_title("mean visual\ntokens", loc="right", fontsize=8)
    style.legend(figure, [*style.level_handles(), Line2D([], [], **LOOK.line() | {"linestyle": ""}, label="pruned")])
    return figure


def _points(panel: Axes, own: pl.DataFrame, names: Sequence[str], first: bool) -> None:
    """A line a schedule, few tokens at the top: its value with the interval, and its mean tokens."""
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_yticks(range(len(names)), names if first else [""] * len(names))
    panel.grid(visible=False, axis="y")
    tokens = dict(own.select("name", "tokens").iter_rows())
    for height, name in enumerate(names):
        for point in own.filter(name=name).iter_rows(named=True):
            errors = style.errors(point)
            panel.errorbar(point["mean"], height, xerr=errors, **LOOK.line(), elinewidth=1.4, capsize=2, label=name)
    beside = panel.secondary_yaxis("right")
    beside.set_yticks(range(len(names)), [f"{tokens[name]:.4g}" if name in tokens else "" for name in names])
    beside.tick_params(length=0)
    if own.height:
        panel.set_xlabel(style.metric_label(own))


def _levels(panel: Axes, rows: pl.DataFrame) -> None:
    """The unpruned and the blind level as upright lines, with bands where there are intervals."""
    for row in rows.iter_rows(named=True):
        line = style.FULL if row["condition"] == "full" else style.BLIND
        panel.axvline(row["mean"], **line, zorder=1, label=row["condition"])
        if row["low"] is not None:
            panel.axvspan(row["low"], row["high"], color=style.GREY, alpha=0.08, linewidth=0, zorder=0)
