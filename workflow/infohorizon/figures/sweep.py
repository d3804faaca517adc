"""Each benchmark's own metric by layer for every strategy and keep, between the unpruned and the blind level."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis import observations
from infohorizon.analysis.horizons import depth_of
from infohorizon.figures import style


def sweep_figure(
    metrics: pl.DataFrame, horizon: pl.DataFrame, models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """One row a model and benchmark, one column a keep; random thick with a band, the others with error bars.

    Args:
        metrics: the metrics table; drop-all (keep 0) is drawn in every column, smaller images in those of their keeps.
        horizon: the horizon table, which knows the models' depths.
    """
    if metrics.is_empty() or (values := observations.own_metric(metrics, "strategy")).is_empty():
        return style.empty("No strategy was swept in this study.")
    values = values.filter(pl.col("layer").is_not_null()).sort("layer")
    levels, smaller = observations.levels(metrics, "strategy"), observations.own_metric(metrics, "downsample")
    keeps = sorted(values.filter(pl.col("keep") > 0)["keep"].unique(), key=_amount, reverse=True) or [0.0]
    strategies = style.strategy_order(values["name"].unique())
    pairs = [
        (model, benchmark)
        for benchmark in style.ordered(benchmarks, values, "benchmark")
        for model in style.ordered(models, values, "model")
        if values.filter(model=model, benchmark=benchmark).height
    ]
    figure, axes = style.panels(
        len(pairs), len(keeps), 3.6 if len(strategies) < 8 else 4.8, 2.3, sharey="row", sharex="row"
    )
    for row, (model, benchmark) in enumerate(pairs):
        own = values.filter(model=model, benchmark=benchmark)
        for column, keep in enumerate(keeps):
            panel = axes[row, column]
            style.levels(panel, levels.filter(model=model, benchmark=benchmark))
            _downsampled(panel, smaller.filter(model=model, benchmark=benchmark, keep=keep))
            _strategies(panel, own.filter((pl.col("keep") == keep) | (pl.col("keep") == 0)), strategies)
            style.layer_axis(panel, depth_of(horizon, own, model=model, benchmark=benchmark))
            if row == 0:
                panel.set_title(f"keep {amount(keep)}")
        style.metric_axis(axes[row, 0])
        axes[row, 0].set_ylabel(f"{benchmark}\n{model}\n{style.metric_label(own)}")
    for panel in axes[-1]:
        panel.set_xlabel("layer at whose input tokens leave")
    handles = [
        style.handle(style.strategy_look(name, strategies), style.strategy_label(name), width=_width(name))
        for name in strategies
    ]
    if smaller["keep"].is_in(keeps).any():
        handles.append(Line2D([], [], **style.DOWNSAMPLED, label="image at lower resolution"))
    style.legend(figure, [*handles, *style.level_handles()])
    return figure


def amount(keep: float) -> str:
    """A configured keep in words: a fraction below 1 as a percentage, else a number of tokens."""
    return f"{keep:.4g} tokens" if keep >= 1 else f"{100 * keep:.3g} %" if keep > 0 else "none"


def _amount(keep: float) -> tuple[bool, float]:
    """Sort key: fractions apart from counts, each by size."""
    return keep >= 1, keep


def _width(strategy: str) -> float:
    return 2.8 if strategy == "random" else 1.3


def _downsampled(panel: Axes, rows: pl.DataFrame) -> None:
    """The level of the image at lower resolution, which no layer changes, with its interval."""
    for row in rows.iter_rows(named=True):
        panel.axhline(row["mean"], **style.DOWNSAMPLED, zorder=2, label="downsample")
        if row["low"] is not None:
            panel.axhspan(row["low"], row["high"], color=style.DOWNSAMPLED["color"], alpha=0.08, linewidth=0, zorder=0)


def _strategies(panel: Axes, values: pl.DataFrame, strategies: Sequence[str]) -> None:
    """Lines of one panel; strategies stand a little apart so that their error bars can be told from one another."""
    step = 0.4 / max(len(strategies) - 1, 1)
    for index, name in enumerate(strategies):
        line = values.filter(name=name)
        look = style.strategy_look(name, strategies)
        if name == "random":
            panel.fill_between(line["layer"], line["low"], line["high"], color=look.color, alpha=0.12, linewidth=0)
            panel.plot(line["layer"], line["mean"], **look.line(), linewidth=_width(name), zorder=3, label=name)
            continue
        layers = line["layer"] + (index - len(strategies) / 2) * step
        bars = panel.errorbar(layers, line["mean"], style.errors(line), **look.line(), elinewidth=0.7, label=name)
        bars.lines[0].set_linewidth(_width(name))
        bars.lines[2][0].set_alpha(0.4)
