"""Token information by layer: the largest over windows, that of the whole answer, the spread, the horizon."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis import summaries
from infohorizon.figures import style

# Column of the frame, axis label, and the criterion whose horizon belongs to the row.
ROWS = (
    ("largest", "largest |information|\n(first answer token)", "information"),
    ("whole_answer", "largest |information|\n(whole answer)", "answer-information"),
    ("spread", "spread over windows\n(first answer token)", "information"),
)


def information_figure(
    information: pl.DataFrame, horizon: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """Mean over questions by layer, one column a benchmark, one line a model, bands over images.

    Args:
        information: `summaries.information`.
        horizon: the horizon table.
    """
    if information.is_empty():
        return style.empty("No token information was measured in this study.")
    benchmarks = summaries.ordered(benchmarks, information, "benchmark")
    models = summaries.ordered(models, information, "model")
    shown = summaries.configured(horizon)
    rows = [row for row in ROWS if information[row[0]].is_not_nan().any()]
    figure, axes = style.panels(len(rows), len(benchmarks), 3.3, 2.3, sharex="col", sharey="row")
    for row, (column, label, criterion) in enumerate(rows):
        curves = summaries.intervals(information, ["layer"], column)
        for place, benchmark in enumerate(benchmarks):
            panel = axes[row, place]
            for index, model in enumerate(models):
                name = {"model": model, "benchmark": benchmark}
                _curve(panel, curves.filter(**name), style.series_look(index), model)
                _mark(panel, shown.filter(**name, criterion=criterion), style.series_look(index), index)
        axes[row, 0].set_ylabel(label)
        axes[row, 0].set_ylim(bottom=0, top=curves["high"].max() * (1.12 + 0.07 * len(models)))
    for place, benchmark in enumerate(benchmarks):
        style.layer_axis(axes[-1, place], summaries.depth_of(horizon, information, benchmark=benchmark))
        axes[0, place].set_title(benchmark)
        axes[-1, place].set_xlabel("layer at whose input tokens leave")
    horizons = [
        Line2D([], [], color=style.GREY, marker="|", markersize=9, label="horizon with interval"),
        Line2D([], [], color=style.GREY, marker=">", markerfacecolor="white", label="horizon not reached"),
    ]
    lines = [style.handle(style.series_look(index), model) for index, model in enumerate(models)]
    style.legend(figure, [*lines, *horizons])
    return figure


def _curve(panel: Axes, curve: pl.DataFrame, look: style.Look, label: str) -> None:
    panel.fill_between(curve["layer"], curve["low"], curve["high"], color=look.color, alpha=0.18, linewidth=0)
    panel.plot(curve["layer"], curve["mean"], **look.line(), label=label)


def _mark(panel: Axes, rows: pl.DataFrame, look: style.Look, index: int) -> None:
    """The horizon and its interval on a line of their own above the curves, and a thin line down to the axis."""
    for row in rows.iter_rows(named=True):
        height = 0.97 - 0.06 * index
        where = {"transform": panel.get_xaxis_transform(), "color": look.color}
        panel.plot([row["low"], row["high"]], [height, height], **where, linewidth=2.5, solid_capstyle="butt")
        if row["layer"] >= row["depth"]:
            panel.plot(row["layer"], height, **where, marker=">", markerfacecolor="white", markersize=6)
            continue
        panel.plot(row["layer"], height, **where, marker="|", markersize=9, markeredgewidth=2)
        panel.plot([row["layer"]] * 2, [0, height], **where, linewidth=0.9, linestyle=look.linestyle, label="horizon")
