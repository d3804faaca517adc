"""Each benchmark's own metric against the mean number of visual tokens over all layers, for every schedule."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis import observations
from infohorizon.figures import style


def schedules_figure(
    schedules: pl.DataFrame, metrics: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """One row a model, one column a benchmark, one point a schedule with its interval; levels as lines.

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
    names = sorted(points["name"].unique())
    looks = {name: style.series_look(index) for index, name in enumerate(names)}
    figure, axes = style.panels(len(models), len(benchmarks), 3.3, 2.4, sharex="row", sharey="col")
    for row, model in enumerate(models):
        for column, benchmark in enumerate(benchmarks):
            panel = axes[row, column]
            style.levels(panel, levels.filter(model=model, benchmark=benchmark))
            own = points.filter(model=model, benchmark=benchmark)
            for point in own.iter_rows(named=True):
                _point(panel, point, looks[point["name"]])
            panel.margins(x=0.15)
            panel.set_title(benchmark if row == 0 else "")
            if own.height:
                panel.set_ylabel(f"{model}\n{style.metric_label(own)}" if column == 0 else style.metric_label(own))
    for panel in axes[-1]:
        style.metric_axis(panel)
        panel.set_xlabel("mean visual tokens over all layers")
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, ls="", ms=7, label=name) for name, look in looks.items()
    ]
    style.legend(figure, [*handles, *style.level_handles()])
    return figure


def _point(panel: Axes, point: Mapping[str, Any], look: style.Look) -> None:
    """One schedule: its mean tokens, its value and the value's interval."""
    panel.errorbar(
        point["tokens"],
        point["mean"],
        style.errors(point),
        color=look.color,
        marker=look.marker,
        markersize=7,
        markeredgecolor="white",
        elinewidth=1.2,
        capsize=2,
        label=point["name"],
    )
