"""Horizons by benchmark and model: every criterion with its interval, other thresholds behind it."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis.criteria import AGAINST_RANDOM, VANISHING
from infohorizon.analysis.horizons import configured, depth_of
from infohorizon.figures import style

CRITERIA = (*VANISHING, *AGAINST_RANDOM)
STRICTER, LOOSER = "v", "^"
STRIPE = "#f3f5f7"
ASIDE = 0.14  # of a line's height, from the estimate


def horizon_figure(horizon: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]) -> Figure:
    """One column a benchmark, one line a criterion (against random: and strategy), one colour a model.

    Args:
        horizon: the horizon table; estimates at half the configured threshold are drawn above, at twice it below.
    """
    if horizon.is_empty():
        return style.empty("No horizon was estimated in this study.")
    benchmarks = style.ordered(benchmarks, horizon, "benchmark")
    models = style.ordered(models, horizon, "model")
    horizon = horizon.filter(pl.col("keep").is_null(), pl.col("layer").is_not_null(), category="", removal="")
    lines = _lines(horizon)
    figure, axes = style.panels(1, len(benchmarks), 3.3, 0.19 * (1 + len(models)) * len(lines) + 0.5, sharey=True)
    offset = 0.9 / (len(models) + 0.5)
    for panel, benchmark in zip(axes[0], benchmarks, strict=True):
        depth = depth_of(horizon, horizon, benchmark=benchmark)
        for height in range(0, len(lines), 2):
            panel.axhspan(height - 0.5, height + 0.5, color=STRIPE, linewidth=0, zorder=0)
        panel.grid(visible=False, axis="y")
        panel.axvline(depth, color=style.GREY, linewidth=1, linestyle=(0, (1, 2)))
        for index, model in enumerate(models):
            own = horizon.filter(model=model, benchmark=benchmark)
            heights = np.arange(len(lines)) + (index - (len(models) - 1) / 2) * offset
            for line, height in zip(lines, heights, strict=True):
                _estimate(panel, own.filter(criterion=line[0], strategy=line[1]), height, style.series_look(index))
        style.layer_axis(panel, depth)
        panel.set_title(benchmark)
        panel.set_xlabel("horizon (decoder layer)")
    axes[0, 0].set_yticks(range(len(lines)), [_label(*line) for line in lines])
    axes[0, 0].set_ylim(len(lines) - 0.5, -0.5)
    handles = [style.handle(style.series_look(index), model) for index, model in enumerate(models)]
    handles += [
        Line2D([], [], color=style.GREY, marker="o", mfc="white", ls="", label="hollow: never reached (= depth)"),
        Line2D([], [], color=style.GREY, marker=STRICTER, ms=4.5, ls="", label="stricter: at ½ × the threshold"),
        Line2D([], [], color=style.GREY, marker=LOOSER, ms=4.5, ls="", label="looser: at 2 × the threshold"),
    ]
    style.legend(figure, handles)
    return figure


def _estimate(panel: Axes, rows: pl.DataFrame, height: float, look: style.Look) -> None:
    """One criterion's horizon with its interval, hollow where never reached; triangles at the other thresholds."""
    for factor, marker, aside in ((0.5, STRICTER, -ASIDE), (2.0, LOOSER, ASIDE)):
        other = rows.filter(factor=factor)
        panel.plot(other["layer"], [height + aside] * other.height, marker, color=look.color, ms=4.5, mew=0)
    for row in configured(rows).iter_rows(named=True):
        panel.hlines(height, row["low"], row["high"], color=look.color, linewidth=2.2)
        fill = "white" if row["layer"] >= row["depth"] else look.color
        panel.plot(row["layer"], height, look.marker, color=look.color, mfc=fill, ms=6, label=row["model"])


def _lines(horizon: pl.DataFrame) -> list[tuple[str, str]]:
    """(criterion, strategy) in a fixed order; those against random by strategy at the end."""
    present = set(horizon.select("criterion", "strategy").iter_rows())
    rank = {name: index for index, name in enumerate(CRITERIA)}
    return sorted(present, key=lambda line: (rank.get(line[0], len(rank)), *line))


def _label(criterion: str, strategy: str) -> str:
    return f"{criterion}: {style.strategy_label(strategy)}" if strategy else criterion
