"""Each benchmark's own metric by the layer that a strategy reads and the layer where tokens leave."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from infohorizon.analysis import observations
from infohorizon.figures import style
from infohorizon.figures.sweep import amount
from infohorizon.units import layer_of

COLOURS = "cividis"
Families = Mapping[str, Mapping[str, tuple[int | float | None, int]]]


def reads_figure(
    metrics: pl.DataFrame,
    families: Families,
    depths: Mapping[str, int],
    models: Sequence[str],
    benchmarks: Sequence[str],
) -> Figure:
    """A heat map for each strategy and keep, one row a model and benchmark with one scale; white: not measured.

    Args:
        metrics: the metrics table.
        families: what variants have in common → variant → where it reads (a layer's number, a fraction of the depth, or
            None: so many layers below the one where tokens leave).
        depths: model → decoder layers.
    """
    values = _placed(metrics, families, depths)
    if values.is_empty():
        return style.empty("No strategy was swept at several read layers in this study.")
    columns = values.select("family", "keep").unique().sort("family", "keep", descending=[False, True]).rows()
    pairs = [
        (model, benchmark)
        for benchmark in style.ordered(benchmarks, values, "benchmark")
        for model in style.ordered(models, values, "model")
        if values.filter(model=model, benchmark=benchmark).height
    ]
    figure, axes = style.panels(len(pairs), len(columns), 3.0, 2.6)
    for row, (model, benchmark) in enumerate(pairs):
        own = values.filter(model=model, benchmark=benchmark)
        scale = Normalize(own["mean"].min(), own["mean"].max())
        for column, (family, keep) in enumerate(columns):
            panel = axes[row, column]
            _map(panel, own.filter(family=family, keep=keep), depths[model], scale)
            if row == 0:
                panel.set_title(f"{family}, keep {amount(keep)}")
        axes[row, 0].set_ylabel(f"{benchmark}\n{model}\nlayer that is read")
        figure.colorbar(ScalarMappable(scale, COLOURS), ax=list(axes[row]), label=style.metric_label(own))
    for panel in axes[-1]:
        panel.set_xlabel("layer at whose input tokens leave")
    return figure


def _placed(metrics: pl.DataFrame, families: Families, depths: Mapping[str, int]) -> pl.DataFrame:
    """The swept values of all variants, with `family` and the layer `read`."""
    if metrics.is_empty():
        return metrics
    values = observations.own_metric(metrics, "strategy").filter(pl.col("layer").is_not_null())
    parts = [values.clear().with_columns(family=pl.lit(""), read=pl.lit(0))]
    for family, variants in families.items():
        for name, (read, below) in variants.items():
            for model, depth in depths.items():
                layer = pl.col("layer") - below if read is None else pl.lit(layer_of(read, depth))
                own = values.filter(name=name, model=model)
                parts.append(own.with_columns(family=pl.lit(family), read=layer.cast(pl.Int32)))
    return pl.concat(parts)


def _map(panel: Axes, cells: pl.DataFrame, depth: int, scale: Normalize) -> None:
    """One heat map; the line marks reading the layer where tokens leave."""
    grid = np.full((depth, depth), np.nan)
    grid[cells["read"].to_numpy(), cells["layer"].to_numpy()] = cells["mean"].to_numpy()
    panel.imshow(grid, origin="lower", cmap=COLOURS, norm=scale)
    panel.plot([-0.5, depth - 0.5], [-0.5, depth - 0.5], color=style.GREY, linewidth=0.8)
    panel.set_xlim(-0.5, depth - 0.5)
    panel.set_ylim(-0.5, depth - 0.5)
    panel.grid(visible=False)
