"""Score against the mean number of visual tokens over all layers, for every schedule."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis.intervals import intervals
from infohorizon.figures import style


def schedules_figure(
    schedules: pl.DataFrame, answers: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """One row a model, one column a benchmark, one point a schedule with its interval; levels as lines.

    Args:
        schedules: `observations.schedules`.
        answers: `observations.answers`, for the unpruned and the blind level.
    """
    if schedules.is_empty():
        return style.empty("No schedule was run in this study.")
    models = style.ordered(models, schedules, "model")
    benchmarks = style.ordered(benchmarks, schedules, "benchmark")
    cell = ["model", "benchmark", "schedule"]
    tokens = schedules.group_by(cell).agg(pl.col("tokens").mean())
    points = intervals(schedules, ["schedule"]).join(tokens, on=cell, maintain_order="left")
    levels = intervals(answers, ["condition"]) if not answers.is_empty() else None
    names = sorted(points["schedule"].unique())
    looks = {name: style.series_look(index) for index, name in enumerate(names)}
    figure, axes = style.panels(len(models), len(benchmarks), 3.3, 2.4, sharex="row", sharey="col")
    for row, model in enumerate(models):
        for column, benchmark in enumerate(benchmarks):
            panel = axes[row, column]
            if levels is not None:
                style.levels(panel, levels.filter(model=model, benchmark=benchmark))
            for point in points.filter(model=model, benchmark=benchmark).iter_rows(named=True):
                _point(panel, point, looks[point["schedule"]])
            panel.margins(x=0.15)
            panel.set_title(benchmark if row == 0 else "")
        axes[row, 0].set_ylabel(f"{model}\nscore")
    for panel in axes[-1]:
        style.score_axis(panel)
        panel.set_xlabel("mean visual tokens over all layers")
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, ls="", ms=7, label=name) for name, look in looks.items()
    ]
    style.legend(figure, [*handles, *style.level_handles()])
    return figure


def _point(panel: Axes, point: Mapping[str, Any], look: style.Look) -> None:
    """One schedule: its mean tokens and score, and the score's interval."""
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
        label=point["schedule"],
    )
