"""Matrix entropy of the visual states by layer, and the layer at which it collapses."""

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infohorizon.analysis.collapse import collapse_layer
from infohorizon.analysis.intervals import intervals
from infohorizon.figures import style

# Column of the frame and axis label.
ROWS = (
    ("entropy", "matrix entropy of\nvisual states (0 to 1)"),
    ("query_entropy", "entropy over heads\n(EntropyPrune's score,\nno unit)"),
)


def states_figure(
    states: pl.DataFrame, depths: Mapping[str, int], models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """Mean over questions by layer, one column a benchmark, one line a model, bands over images.

    Args:
        states: `observations.states`.
        depths: model → its number of layers.
    """
    if states.is_empty():
        return style.empty("No visual state was measured in this study.")
    benchmarks = style.ordered(benchmarks, states, "benchmark")
    models = style.ordered(models, states, "model")
    figure, axes = style.panels(len(ROWS), len(benchmarks), 3.3, 2.2, sharex="col", sharey="row")
    for row, (column, label) in enumerate(ROWS):
        curves = intervals(states.drop_nulls(column), ["layer"], column)
        for place, benchmark in enumerate(benchmarks):
            for index, model in enumerate(models):
                curve = curves.filter(model=model, benchmark=benchmark)
                _curve(axes[row, place], curve, style.series_look(index), model, mark=column == "entropy")
        axes[row, 0].set_ylabel(label)
    for place, benchmark in enumerate(benchmarks):
        style.layer_axis(axes[-1, place], max(depths[model] for model in models))
        axes[0, place].set_title(benchmark)
        axes[-1, place].set_xlabel("layer that the states enter")
    lines = [style.handle(style.series_look(index), model) for index, model in enumerate(models)]
    collapse = Line2D([], [], color=style.GREY, linewidth=0.9, linestyle=style.DASHES[1], label="collapse")
    style.legend(figure, [*lines, collapse])
    return figure


def _curve(panel: Axes, curve: pl.DataFrame, look: style.Look, label: str, mark: bool) -> None:
    panel.fill_between(curve["layer"], curve["low"], curve["high"], color=look.color, alpha=0.18, linewidth=0)
    panel.plot(curve["layer"], curve["mean"], **look.line(), label=label)
    layer = collapse_layer(dict(curve.select("layer", "mean").iter_rows())) if mark else None
    if layer is not None:
        panel.axvline(layer, color=look.color, linewidth=0.9, linestyle=style.DASHES[1], label="collapse")
