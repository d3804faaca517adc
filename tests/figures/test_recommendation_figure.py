"""The figure of a recommendation draws the held-out losses of the table; asserted on artists, not on pixels."""

import polars as pl
import pytest

from infohorizon.figures.recommendation import recommendation_figure

COLUMNS = ["budget", "split", "benchmark", "role", "loss", "low", "high"]
ROWS = [
    (budget, split, benchmark, role, loss + 0.5 * (split == "search"), loss - 0.01, loss + 0.02)
    for budget in (0.25, 0.5)
    for split in ("search", "held-out")
    for benchmark in ("reading", "knowledge", "")
    for role, loss in (("winner", budget / 10), ("random", budget), ("candidate", 0.9))
]
TABLE = pl.DataFrame(ROWS, COLUMNS, orient="row").with_columns(unit=pl.lit("tokens"))


def test_each_panel_holds_the_held_out_losses_of_its_benchmark():
    figure = recommendation_figure(TABLE, ["knowledge", "reading"], "score")
    assert [axes.get_title() for axes in figure.axes] == ["knowledge", "reading", "mean over benchmarks"]
    for axes in figure.axes:
        series = {one.get_label(): one for one in axes.containers}
        assert set(series) == {"winner", "random"}
        line, _, (bars,) = series["winner"].lines
        assert line.get_ydata().tolist() == [0.025, 0.05]
        assert line.get_xdata() == pytest.approx([0.25, 0.5], abs=0.02)
        for segment, loss in zip(bars.get_segments(), (0.025, 0.05), strict=True):
            assert segment[:, 1] == pytest.approx([loss - 0.01, loss + 0.02])


def test_one_benchmark_is_one_panel():
    table = TABLE.filter(pl.col("benchmark") != "reading")
    assert len(recommendation_figure(table, ["knowledge"], "agreement").axes) == 1
