"""By layer: what the image is still worth, with the horizon, and where it is: the largest information of a window."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis.horizons import configured, depth_of
from infohorizon.analysis.intervals import intervals
from infohorizon.figures import style

# Column of the frame, axis label, and the criterion whose horizon belongs to the row (None: a picture of where).
ROWS = (
    ("usable information", "usable information\n(probability of the\nfirst answer token)", "information"),
    ("usable answer-information", "usable information\n(probability of the\nwhole answer)", "answer-information"),
    ("information", "largest |information|\nof a window (probability)", None),
    ("spread", "spread over windows\n(probability)", None),
)


def information_figure(
    information: pl.DataFrame, horizon: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """Mean over questions by layer, one column a benchmark, one line a model, bands over images.

    Args:
        information: `observations.information` with `criteria.with_worth`.
        horizon: the horizon table.
    """
    if information.is_empty():
        return style.empty("No token information was measured in this study.")
    benchmarks = style.ordered(benchmarks, information, "benchmark")
    models = style.ordered(models, information, "model")
    shown = configured(horizon)
    figure, axes = style.panels(len(ROWS), len(benchmarks), 3.3, 2.3, sharex="col", sharey="row")
    for row, (column, label, criterion) in enumerate(ROWS):
        curves = intervals(information, ["layer"], column)
        for place, benchmark in enumerate(benchmarks):
            panel = axes[row, place]
            for index, model in enumerate(models):
                name = {"model": model, "benchmark": benchmark}
                _curve(panel, curves.filter(**name), style.series_look(index), model)
                if criterion is not None:
                    _worth(panel, information.filter(**name), column, style.series_look(index))
                    _mark(panel, shown.filter(**name, criterion=criterion), style.series_look(index), index)
        axes[row, 0].set_ylabel(label)
        top = max(curves["high"]) * (1.12 + 0.07 * len(models))
        axes[row, 0].set_ylim(bottom=min(0, *curves["low"]) * 1.1, top=top)
    for place, benchmark in enumerate(benchmarks):
        style.layer_axis(axes[-1, place], depth_of(horizon, information, benchmark=benchmark))
        axes[0, place].set_title(benchmark)
        axes[-1, place].set_xlabel("layer at whose input tokens leave")
    horizons = [
        Line2D([], [], color=style.GREY, linestyle=":", label="worth of the whole image"),
        Line2D([], [], color=style.GREY, marker="|", markersize=9, label="horizon with interval"),
        Line2D([], [], color=style.GREY, marker=">", markerfacecolor="white", label="horizon not reached"),
    ]
    lines = [style.handle(style.series_look(index), model) for index, model in enumerate(models)]
    style.legend(figure, [*lines, *horizons])
    return figure


def _curve(panel: Axes, curve: pl.DataFrame, look: style.Look, label: str) -> None:
    panel.fill_between(curve["layer"], curve["low"], curve["high"], color=look.color, alpha=0.18, linewidth=0)
    panel.plot(curve["layer"], curve["mean"], **look.line(), label=label)


def _worth(panel: Axes, rows: pl.DataFrame, column: str, look: style.Look) -> None:
    """A dotted line at what the whole image is worth."""
    if rows.height:
        worth = rows[column.replace("usable", "worth")].mean()
        panel.axhline(worth, color=look.color, linewidth=0.9, linestyle=":", label="worth")


def _mark(panel: Axes, rows: pl.DataFrame, look: style.Look, index: int) -> None:
    """The horizon and its interval on a line of their own above the curves, and a thin line down to the axis."""
    for row in rows.filter(pl.col("layer").is_not_null()).iter_rows(named=True):
        height = 0.97 - 0.06 * index
        where: dict[str, Any] = {"transform": panel.get_xaxis_transform(), "color": look.color}
        panel.plot([row["low"], row["high"]], [height, height], **where, linewidth=2.5, solid_capstyle="butt")
        if row["layer"] >= row["depth"]:
            panel.plot(row["layer"], height, **where, marker=">", markerfacecolor="white", markersize=6)
            continue
        panel.plot(row["layer"], height, **where, marker="|", markersize=9, markeredgewidth=2)
        panel.plot([row["layer"]] * 2, [0, height], **where, linewidth=0.9, linestyle=look.linestyle, label="horizon")
