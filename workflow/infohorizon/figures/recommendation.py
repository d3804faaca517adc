"""What recommended schedules and their references lose on held-out questions, against the budget."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infohorizon.analysis.recommendation import LOSSES, UNITS
from infohorizon.analysis.trials import ROLES
from infohorizon.figures import style

LOOKS = {
    "winner": style.Look(style.PALETTE[0], "o"),
    "single": style.Look(style.PALETTE[1], "s", style.DASHES[1]),
    "configured": style.Look(style.PALETTE[2], "D", style.DASHES[2]),
    "random": style.Look("#000000", "x", style.DASHES[3]),
    "downsample": style.Look(style.DOWNSAMPLED["color"], "v", style.DASHES[3]),
}
ASIDE = 0.012
"""Of the widest budget: by so much the roles stand side by side, since all share their budgets."""


def recommendation_figure(table: pl.DataFrame, benchmarks: Sequence[str], loss: str) -> Figure:
    """One panel a benchmark, and one for their mean where there are several.

    Args:
        table: one model's rows of the table `recommendation`.
        loss: what is lost: score or agreement.
    """
    names = [*benchmarks, *([""] if len(benchmarks) > 1 else [])]
    held_out = table.filter(pl.col("role").is_in(list(LOOKS)), split="held-out")
    budgets = held_out["budget"].unique().sort().to_list()
    figure, axes = style.panels(1, len(names), 3.1, 2.5, sharey=True)
    for panel, name in zip(axes[0], names, strict=True):
        for number, role in enumerate(LOOKS):
            _series(panel, held_out.filter(benchmark=name, role=role).sort("budget"), role, number)
        panel.axhline(0, **style.FULL, zorder=1)
        panel.set_title(name or "mean over benchmarks")
        panel.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
        panel.margins(x=0.1)
        panel.set_xlabel(f"budget, share of {UNITS[table['unit'][0]]}")
    axes[0, 0].set_ylabel(LOSSES[loss])
    handles = [style.handle(look, ROLES[role]) for role, look in LOOKS.items() if role in held_out["role"]]
    style.legend(figure, [*handles, style.level_handles()[0]])
    return figure


def _series(panel: Axes, rows: pl.DataFrame, role: str, number: int) -> None:
    """One role over the budgets, each point with its interval."""
    if rows.is_empty():
        return
    points = rows.rename({"loss": "mean"})
    budgets = points["budget"].to_numpy() + (number - (len(LOOKS) - 1) / 2) * ASIDE * points["budget"].max()
    panel.errorbar(
        budgets, points["mean"], style.errors(points), **LOOKS[role].line(), elinewidth=1.0, capsize=2, label=role
    )
