"""One horizon, several removals: usable information by layer for every way of taking visual information away."""

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infohorizon.analysis.intervals import intervals
from infohorizon.figures import style

# Column of the frame and axis label.
QUANTITIES = (("usable", "probability lost,\nfirst answer token"), ("answer_usable", "probability lost,\nwhole answer"))
# Removal → its look and legend; fixed for good. That of the text is drawn apart: it takes no visual token away.
LOOKS = {
    "delete": (style.Look(style.PALETTE[0], "o"), "visual tokens deleted (or hidden from the text)"),
    "zero": (style.Look(style.PALETTE[1], "s"), "visual states set to zero"),
    "mean": (style.Look(style.PALETTE[2], "^"), "visual states replaced by their mean"),
    "text": (style.Look(style.INK, "D", (0, (4, 2))), "visual tokens kept, text before the last token deleted"),
}


def removals_figure(
    removals: pl.DataFrame, depths: Mapping[str, int], models: Sequence[str], benchmarks: Sequence[str]
) -> Figure:
    """Mean of full − left over questions by layer, one column a benchmark, two rows a model, bands over images.

    Args:
        removals: `observations.removals`.
        depths: model → its number of layers.
    """
    if removals.is_empty():
        return style.empty("No removal was measured in this study.")
    benchmarks = style.ordered(benchmarks, removals, "benchmark")
    models = style.ordered(models, removals, "model")
    names = [name for name in LOOKS if name in removals["removal"].unique()]
    rows = [(model, *quantity) for model in models for quantity in QUANTITIES]
    curves = {column: intervals(removals, ["removal", "layer"], column) for column, _ in QUANTITIES}
    figure, axes = style.panels(len(rows), len(benchmarks), 3.6, 2.1, sharey=True)
    for row, (model, column, label) in enumerate(rows):
        for place, benchmark in enumerate(benchmarks):
            panel = axes[row, place]
            panel.axhline(0, color=style.GREY, linewidth=0.8, zorder=1)
            for name in names:
                _curve(panel, curves[column].filter(model=model, benchmark=benchmark, removal=name), name)
            style.layer_axis(panel, depths[model])
        axes[row, 0].set_ylabel(f"{model}\n{label}")
    for place, benchmark in enumerate(benchmarks):
        axes[0, place].set_title(benchmark)
        axes[-1, place].set_xlabel("layer from which on it is taken away")
    figure.suptitle("One horizon, several removals: probability of the right answer that is lost", fontsize=11)
    style.legend(figure, [style.handle(*LOOKS[name]) for name in names])
    return figure


def _curve(panel: Axes, curve: pl.DataFrame, name: str) -> None:
    look, _ = LOOKS[name]
    panel.fill_between(curve["layer"], curve["low"], curve["high"], color=look.color, alpha=0.15, linewidth=0)
    panel.plot(curve["layer"], curve["mean"], **look.line(), label=name, alpha=0.9)
