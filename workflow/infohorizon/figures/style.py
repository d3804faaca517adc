"""One style for every figure: fonts, colours for colour-blind readers and for print, deterministic files."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import polars as pl

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

INK = "#222222"
GREY = "#7a7a7a"
FULL: dict[str, Any] = {"color": INK, "linestyle": (0, (6, 2)), "linewidth": 1.0}
BLIND: dict[str, Any] = {"color": INK, "linestyle": (0, (1, 2)), "linewidth": 1.2}

DOWNSAMPLED: dict[str, Any] = {"color": "#CC79A7", "linestyle": (0, (5, 1.5, 1.5, 1.5)), "linewidth": 1.6}

# Okabe and Ito's colours without the yellow, which is too light for lines on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
FIRST = ("random", "drop-all", "information")  # strategies that others are judged by
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
HIGHEST = 60_000  # pixels of a PNG; the renderer stops at 65,536
DASHES = ("solid", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)))

RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "text.color": INK,
    "text.parse_math": False,  # a label may hold dollar signs
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "figure.facecolor": "white",
    "savefig.dpi": 150,
    "svg.hashsalt": "infohorizon",
    "svg.fonttype": "path",
}
matplotlib.rcParams.update(RC)


class Look(NamedTuple):
    """How one series is drawn."""

    color: str
    marker: str
    linestyle: Any = "solid"

    def line(self) -> dict[str, Any]:
        """Keyword arguments of a line with markers."""
        return {"color": self.color, "marker": self.marker, "linestyle": self.linestyle}


def strategy_label(name: str) -> str:
    """The name as legends show it."""
    return f"{name} (oracle)" if name == "information" else name


def strategy_order(names: Iterable[str]) -> list[str]:
    """Random, drop-all and the oracle first, then the others by name."""
    rank = {name: index for index, name in enumerate(FIRST)}
    return sorted(names, key=lambda name: (rank.get(name, len(FIRST)), name))


def ordered(values: Sequence[str], frame: pl.DataFrame, column: str) -> list[str]:
    """The names that occur in `frame`, in the order of `values` (the study's own order)."""
    present = set(frame[column].unique()) if column in frame.columns else set()
    return [value for value in values if value in present] + sorted(present - set(values))


def series_look(index: int) -> Look:
    """Look number `index` of a list of series (models, say)."""
    turn = index // len(PALETTE)
    return Look(PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)], DASHES[turn % len(DASHES)])


def panels(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure of rows × columns panels, each width × height inches, and the array of its axes."""
    figure = Figure(figsize=(max(width * columns, 5.5), height * rows + 0.9))
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def legend(figure: Figure, handles: Sequence[Any]) -> None:
    """One legend below all panels, as wide as the figure allows."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    fitting = max(1, int(figure.get_figwidth() / (0.075 * longest + 0.65)))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(fitting, len(handles)))


def handle(look: Look, label: str, width: float = 1.6) -> Line2D:
    """A legend entry of a series."""
    return Line2D([], [], **look.line(), linewidth=width, label=label)


def levels(panel: Axes, rows: Any, bands: bool = True) -> None:
    """The unpruned and the blind level (rows with condition, mean, low, high) as horizontal lines, with `bands` where
    there are intervals."""
    for row in rows.iter_rows(named=True):
        line = FULL if row["condition"] == "full" else BLIND
        panel.axhline(row["mean"], **line, zorder=1, label=row["condition"])
        if bands and row["low"] is not None:
            panel.axhspan(row["low"], row["high"], color=GREY, alpha=0.08, linewidth=0, zorder=0)


def level_handles() -> list[Line2D]:
    """Legend entries of the two levels."""
    return [Line2D([], [], **FULL, label="unpruned"), Line2D([], [], **BLIND, label="blind")]


def errors(rows: Any) -> list[Any]:
    """Lengths of error bars below and above, for frames or rows with mean, low, high; 0 where there is no interval."""
    ends = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]] if rows["low"] is not None else [0.0, 0.0]
    return [np.maximum(np.nan_to_num(np.atleast_1d(length).astype(float)), 0) for length in ends]


def metric_axis(axes: Axes) -> None:
    """A metric that is never negative: what is drawn, but at least a tenth of the largest value."""
    low, high = axes.get_ylim()
    low = max(low, -0.04 * high)
    spare = max(0, 0.1 * high - (high - low)) / 2
    axes.set_ylim(low - spare, high + spare)


def metric_label(rows: pl.DataFrame) -> str:
    """Name and unit of the metric that these rows of the metrics table hold."""
    return f"{rows['metric'][0]} ({rows['unit'][0]})"


def layer_axis(axes: Axes, depth: int, ticks: int = 9) -> None:
    """Whole layers from 0 to the model's depth."""
    axes.set_xlim(-0.4, depth + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=ticks, integer=True, steps=[1, 2, 4, 5, 10]))


def empty(message: str) -> Figure:
    """A figure that only says why there is nothing to draw."""
    figure, axes = panels(1, 1, 6, 1)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, message, ha="center", va="center", transform=axes[0, 0].transAxes)
    return figure


def save(figure: Figure, svg: str | Path, png: str | Path) -> None:
    """Write both files; equal figures give equal bytes."""
    for path in (svg, png):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    dpi = min(matplotlib.rcParams["savefig.dpi"], HIGHEST / figure.get_figheight())
    figure.savefig(png, format="png", metadata={"Software": None}, dpi=dpi)
