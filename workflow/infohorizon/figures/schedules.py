"""Score against the mean number of visual tokens over all layers, for every schedule."""

from collections.abc import Sequence

import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis import summaries
from infohorizon.figures import style


def schedules_figure(
    schedules: pl.DataFrame, answers: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """One row a model, one column a benchmark, one point a schedule with its interval; levels as lines.

    Args:
        schedules: `summaries.schedules`.
        answers: `summaries.answers`, for the unpruned and the blind level.
    """
    if schedules.is_empty():
        return style.empty("No schedule was run in this study.")
    models, benchmarks = (
        summaries.ordered(models, schedules, "model"),
        summaries.ordered(benchmarks, schedules, "benchmark"),
    )
    scores = summaries.intervals(schedules, ["schedule"])
    tokens = summaries.intervals(schedules, ["schedule"], "mean_tokens").rename({"mean": "tokens"})
    points = scores.join(
        tokens.select("model", "benchmark", "schedule", "tokens"), on=["model", "benchmark", "schedule"]
    )
    levels = summaries.intervals(answers, ["condition"]) if not answers.is_empty() else None
    names = sorted(points["schedule"].unique())
    looks = {name: style.series_look(index) for index, name in enumerate(names)}
    figure, axes = style.panels(len(models), len(benchmarks), 3.3, 2.4, sharex="row", sharey="col")
    for row, model in enumerate(models):
        for column, benchmark in enumerate(benchmarks):
            panel = axes[row, column]
            if levels is not None:
                style.levels(panel, levels.filter(model=model, benchmark=benchmark))
            for point in points.filter(model=model, benchmark=benchmark).iter_rows(named=True):
                look = looks[point["schedule"]]
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
            panel.margins(x=0.15)
            panel.set_title(benchmark if row == 0 else "")
        axes[row, 0].set_ylabel(f"{model}\nscore")
    for panel in axes[-1]:
        style.score_axis(panel)
        panel.set_xlabel("mean visual tokens over all layers")
    points_shown = [
        Line2D([], [], color=look.color, marker=look.marker, ls="", ms=7, label=n) for n, look in looks.items()
    ]
    style.legend(figure, [*points_shown, *style.level_handles()])
    return figure
