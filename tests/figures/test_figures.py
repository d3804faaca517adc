"""The figures draw what the tables hold; asserted on artists, not on pixels."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.compute as pc
import pytest
from matplotlib.figure import Figure

from figures import planted, synthetic
from figures.synthetic import BENCHMARKS, BLIND, DEPTH, FULL, KEEPS, MODELS, REMOVALS, SCHEDULES, Study
from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.criteria import VANISHING, with_worth
from infohorizon.analysis.horizons import configured
from infohorizon.figures import examples, style
from infohorizon.figures.heatmaps import heatmaps_figure, overlaid, seen, upsampled
from infohorizon.figures.horizon import horizon_figure
from infohorizon.figures.information import information_figure
from infohorizon.figures.reads import reads_figure
from infohorizon.figures.removals import removals_figure
from infohorizon.figures.schedules import schedules_figure
from infohorizon.figures.states import states_figure
from infohorizon.figures.sweep import sweep_figure


class Data:
    """What the figures take."""

    def __init__(self, study: Study) -> None:
        self.questions = observations.questions(study.questions)
        answers = observations.answers(study.paths["answers"], self.questions)
        measured = observations.information(study.paths["information"], self.questions)
        self.information = with_worth(measured, answers, ["model", "benchmark"])
        self.removals = observations.removals(study.paths["removals"], self.questions)
        self.states = observations.states(study.paths["states"], self.questions)
        self.metrics = tables.read(study.metrics, "metrics")
        self.sweep = study.swept()
        self.schedules = observations.schedules(study.paths["schedules"], self.questions)
        self.horizon = tables.read(study.horizon, "horizon")
        information, vision = study.paths["information"], study.paths["vision"]
        self.sources = examples.Sources(self.questions, study.images, information, vision, synthetic.WINDOW)


@pytest.fixture(scope="module")
def data(study: Study) -> Data:
    return Data(study)


def line(axes, label: str):
    """The data line with this label: one of several points."""
    (found,) = [one for one in axes.get_lines() if one.get_label() == label and len(one.get_xdata()) > 2]
    return found


def clearest(data: Data) -> list[examples.Example]:
    """The clearest example of one model and benchmark."""
    chosen = examples.clearest(data.sources.information, "base", "reading")
    return examples.load(data.sources, "base", "reading", chosen)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_information_draws_the_mean_of_every_model_and_the_horizon(study: Study, data: Data) -> None:
    figure = information_figure(data.information, data.horizon, MODELS, BENCHMARKS)
    panels = np.array(figure.axes).reshape(4, 3)
    assert [panel.get_title() for panel in panels[0]] == BENCHMARKS
    for column, benchmark in enumerate(BENCHMARKS):
        for row, name in enumerate(["usable information", "usable answer-information", "information", "spread"]):
            for model in MODELS:
                own = data.information.filter(model=model, benchmark=benchmark)
                means = own.group_by("layer").agg(pl.col(name).mean()).sort("layer")
                drawn = line(panels[row, column], model)
                assert list(drawn.get_xdata()) == means["layer"].to_list()
                np.testing.assert_allclose(drawn.get_ydata(orig=False), means[name].to_numpy())
            marks = [one.get_xdata()[0] for one in panels[row, column].get_lines() if one.get_label() == "horizon"]
            assert marks == ([study.horizons[model, benchmark] for model in MODELS] if row < 2 else [])
            worth = [one.get_ydata()[0] for one in panels[row, column].get_lines() if one.get_label() == "worth"]
            expected = FULL[benchmark] - BLIND[benchmark] - 0.1 * np.array([1, 0])
            np.testing.assert_allclose(worth, expected / (1 + row) if row < 2 else [])
    assert legend(figure)[:2] == MODELS


def test_a_horizon_never_reached_is_a_hollow_mark_at_the_depth(data: Data) -> None:
    row = planted.horizon_row("base", "reading", "information", DEPTH, low=6)
    horizon = pl.from_arrow(tables.from_rows("horizon", [row]))
    figure = information_figure(data.information, horizon, MODELS, BENCHMARKS)
    drawn = figure.axes[2].get_lines()
    assert not [one for one in drawn if one.get_label() == "horizon"]
    (mark,) = [one for one in drawn if one.get_marker() == ">"]
    assert mark.get_xdata()[0] == DEPTH and mark.get_markerfacecolor() == "white"


def test_removals_draw_what_is_lost_with_its_sign(study: Study, data: Data) -> None:
    figure = removals_figure(data.removals, dict.fromkeys(MODELS, DEPTH), MODELS, BENCHMARKS)
    panels = np.array(figure.axes).reshape(4, 3)
    assert [panel.get_title() for panel in panels[0]] == BENCHMARKS
    assert "One horizon, several removals" in figure.get_suptitle()
    for row, (model, column) in enumerate((m, c) for m in MODELS for c in ("", "answer_")):
        for place, benchmark in enumerate(BENCHMARKS):
            raw = tables.read(study.parts("removals", model, benchmark), "removals")
            assert model in panels[row, 0].get_ylabel()
            for removal in REMOVALS:
                own = raw.filter(removal=removal).group_by("layer").agg(pl.selectors.float().mean()).sort("layer")
                drawn = line(panels[row, place], removal)
                assert list(drawn.get_xdata()) == own["layer"].to_list()
                lost = own[f"full_{column}probability"] - own[f"{column}probability"]
                np.testing.assert_allclose(drawn.get_ydata(orig=False), lost.to_numpy(), atol=1e-12)
    assert line(panels[0, 0], "text").get_linestyle() != line(panels[0, 0], "delete").get_linestyle() == "-"
    assert min(line(panels[0, 0], "delete").get_ydata(orig=False)) < 0  # no absolute value
    assert len(legend(figure)) == len(REMOVALS)


def test_states_mark_the_collapse_of_every_model(study: Study, data: Data) -> None:
    figure = states_figure(data.states, dict.fromkeys(MODELS, DEPTH), MODELS, BENCHMARKS)
    panels = np.array(figure.axes).reshape(2, 3)
    for place, benchmark in enumerate(BENCHMARKS):
        for row, (column, first) in enumerate([("entropy", 0), ("query_entropy", 1)]):
            own = data.states.filter(model="base", benchmark=benchmark).group_by("layer").agg(pl.col(column).mean())
            own = own.sort("layer").tail(DEPTH - first)
            drawn = line(panels[row, place], "base")
            assert list(drawn.get_xdata()) == own["layer"].to_list()
            np.testing.assert_allclose(drawn.get_ydata(orig=False), own[column].to_numpy())
        marks = [one.get_xdata()[0] for one in panels[0, place].get_lines() if one.get_label() == "collapse"]
        assert marks == [study.horizons[model, benchmark] for model in MODELS]


def test_states_of_layer_0_alone_have_no_query_entropy(data: Data) -> None:
    """The queries are of the layer before: there is none."""
    figure = states_figure(data.states.filter(layer=0), dict.fromkeys(MODELS, DEPTH), MODELS, BENCHMARKS)
    panels = np.array(figure.axes).reshape(2, 3)
    for row, points in enumerate([1, 0]):
        for panel in panels[row]:
            drawn = [one for one in panel.get_lines() if one.get_label() in MODELS]
            assert [len(one.get_xdata()) for one in drawn] == [points] * len(MODELS)


def test_sweep_draws_every_strategy_in_its_own_panel_beside_random(study: Study, data: Data) -> None:
    figure = sweep_figure(data.metrics, data.horizon, MODELS, BENCHMARKS)
    panels = np.array(figure.axes).reshape(12, 4)  # benchmark, model, keep × strategy
    assert [panel.get_title() for panel in panels[0]] == ["information (oracle)", "divprune", "fastv", "drop-all"]
    name = {"model": "strong", "benchmark": "reading"}
    shown = {panel.get_title(): panel for panel in panels[11] if panel.axison}  # an eighth; drop-all stands above
    assert list(shown) == ["information (oracle)", "divprune", "fastv"]
    cells = [
        ("random", shown["divprune"], KEEPS[1]),
        ("fastv", shown["fastv"], KEEPS[1]),
        ("drop-all", panels[10, 3], 0),
    ]
    for strategy, panel, keep in cells:
        own = data.sweep.filter(**name, strategy=strategy, keep=keep)
        means = own.group_by("layer").agg(pl.col("score").mean()).sort("layer")["score"]
        containers = {one.get_label(): one.lines[0] for one in panel.containers}
        drawn = containers[strategy] if strategy in containers else line(panel, strategy)
        np.testing.assert_allclose(drawn.get_ydata(orig=False), 100 * means.to_numpy())
        assert list(drawn.get_xdata(orig=False)) == list(range(1, DEPTH))
    smaller = data.metrics.filter(**name, condition="downsample", own=True, category="")
    levels = [one.get_ydata()[0] for one in shown["fastv"].get_lines() if one.get_label() == "downsample"]
    assert levels == smaller["value"].to_list()
    for panel in shown.values():
        once = {one.get_label(): one for one in panel.get_lines() if one.get_label() in ("full", "blind", "horizon")}
        assert once["full"].get_ydata()[0] == pytest.approx(95) and once["blind"].get_ydata()[0] == 0.0
        assert once["horizon"].get_xdata()[0] == study.horizons["strong", "reading"]
        assert panel.get_ylim() == panels[10, 0].get_ylim()
    assert panels[11, 0].get_ylabel() == "reading, strong\nkeep 12.5 %\nexact accuracy (%)"


def test_strategies_of_a_sweep_are_wrapped(data: Data) -> None:
    fastv = data.metrics.filter(name="fastv")
    more = pl.concat([data.metrics, *(fastv.with_columns(name=pl.lit(f"mine-{number}")) for number in range(5))])
    figure = sweep_figure(more.filter(model="base", benchmark="reading"), data.horizon, MODELS, BENCHMARKS)
    titles = [panel.get_title() for panel in figure.axes if panel.axison]
    assert len(titles) == 9 + 8 and titles[8] == "drop-all"


def test_reads_places_what_was_measured(data: Data) -> None:
    """`fastv` reads the layer before; `divprune` is taken for a variant that reads at three eighths of the depth."""
    families = {"fastv": {"fastv": (None, 1), "divprune": (0.375, 1)}}
    figure = reads_figure(data.metrics, families, dict.fromkeys(MODELS, DEPTH), MODELS, BENCHMARKS)
    panels = np.array([axes for axes in figure.axes if axes.images]).reshape(6, 2)
    assert [panel.get_title() for panel in panels[0]] == ["fastv, keep 16 tokens", "fastv, keep 12.5 %"]
    drawn = panels[5, 1].images[0].get_array().filled(np.nan)  # reading, strong, an eighth
    expected = np.full((DEPTH, DEPTH), np.nan)
    for layer in range(1, DEPTH):
        for name, read in (("fastv", layer - 1), ("divprune", round(0.375 * DEPTH))):
            own = data.sweep.filter(model="strong", benchmark="reading", strategy=name, keep=KEEPS[1], layer=layer)
            expected[read, layer] = 100 * own["score"].mean()
    np.testing.assert_allclose(drawn, expected)


def test_horizon_draws_every_criterion_with_its_interval(data: Data) -> None:
    figure = horizon_figure(data.horizon, MODELS, BENCHMARKS)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[:7] == list(VANISHING)
    assert labels[7:] == [
        f"{criterion}: {name}"
        for criterion in ("no-advantage", "random-parity")
        for name in ("divprune", "fastv", "information (oracle)")
    ]
    shown = configured(data.horizon).filter(model="strong", benchmark="reading").sort("layer")
    others = data.horizon.filter(pl.col("keep").is_null(), model="strong", benchmark="reading", removal="")
    colour = style.series_look(1).color
    for factor, marker in ((0.5, "v"), (2.0, "^")):
        marks = [one for one in figure.axes[2].get_lines() if one.get_marker() == marker and one.get_color() == colour]
        found = sorted(float(one.get_xdata()[0]) for one in marks)
        assert found == others.filter(factor=factor)["layer"].sort().to_list()
    drawn = [one for one in figure.axes[2].get_lines() if one.get_label() == "strong"]
    assert sorted(float(one.get_xdata()[0]) for one in drawn) == shown["layer"].to_list()
    spans = [tuple(segment[:, 0]) for group in figure.axes[2].collections for segment in group.get_segments()]
    expected = configured(data.horizon).filter(benchmark="reading").select("low", "high").rows()
    assert sorted(spans) == sorted(expected)


def test_schedules_are_labelled_by_their_mean_tokens(data: Data) -> None:
    figure = schedules_figure(data.schedules, data.metrics, MODELS, BENCHMARKS)
    panel = figure.axes[2]  # base, reading
    points = {one.get_label(): one.lines[0] for one in panel.containers}
    assert list(points) == sorted(SCHEDULES, key=SCHEDULES.get)
    (beside,) = panel.child_axes
    assert [float(text.get_text()) for text in beside.get_yticklabels()] == sorted(SCHEDULES.values())
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == list(points)
    for height, name in enumerate(points):
        own = data.schedules.filter(model="base", benchmark="reading", schedule=name)
        assert points[name].get_ydata()[0] == height
        assert points[name].get_xdata()[0] == pytest.approx(100 * own["score"].mean())


def test_heatmaps_upsample_windows_on_one_signed_scale(data: Data) -> None:
    shown = clearest(data)
    (example,) = shown
    values = upsampled(example, 0)
    assert values.shape == (synthetic.GRID, synthetic.GRID)
    np.testing.assert_array_equal(values[::2, ::2].ravel(), example.information[0])
    np.testing.assert_array_equal(values[1::2, 1::2].ravel(), example.information[0])
    figure = heatmaps_figure(shown)
    bar = figure.axes[-1]
    assert bar.get_xlim() == pytest.approx((-np.abs(example.information).max(), np.abs(example.information).max()))
    assert [panel.get_title() for panel in figure.axes[1:-1]] == [f"layer {layer}" for layer in range(1, DEPTH)]
    (caption,) = figure.axes[0].texts
    assert f"base on reading\nQuestion: {example.question} — label: {example.label}" == caption.get_text()


def test_windows_that_were_not_measured_stay_pale(study: Study, data: Data, tmp_path: Path) -> None:
    part = study.parts("information", "base", "reading")[0]
    kept = str(tmp_path / "information/base/reading/part-0.arrow")
    table = tables.read_arrow(part, "information")
    tables.write(kept, "information", table.filter(pc.not_equal(table["window"], 2)), {})
    chosen = examples.evenly(pl.from_arrow(table)["question_id"], 1)
    (whole,), (example,) = (
        examples.load(data.sources._replace(information=[path]), "base", "reading", chosen) for path in (part, kept)
    )
    assert np.isnan(example.information[:, 2]).all() and np.isnan(example.information).sum() == len(example.layers)
    others = np.delete(np.arange(whole.information.shape[1]), 2)
    np.testing.assert_array_equal(example.information[:, others], whole.information[:, others])
    backdrop = overlaid(seen(example), np.zeros((4, 4)), 1)
    drawn = overlaid(seen(example), np.full((4, 4), np.nan), 1)
    np.testing.assert_array_equal(drawn, backdrop)
    assert heatmaps_figure([example]).axes[-1].get_xlim()[1] > 0


def test_windows_at_the_edge_of_an_odd_grid_are_cut(data: Data) -> None:
    (example,) = clearest(data)
    odd = example._replace(grid=(3, 5), information=np.arange(6.0)[None])
    np.testing.assert_array_equal(upsampled(odd, 0), [[0, 0, 1, 1, 2], [0, 0, 1, 1, 2], [3, 3, 4, 4, 5]])


def test_stages_that_were_not_run_give_a_figure_that_says_so() -> None:
    nothing = pl.DataFrame()
    for figure in (
        information_figure(nothing, nothing, MODELS, BENCHMARKS),
        removals_figure(nothing, {}, MODELS, BENCHMARKS),
        states_figure(nothing, {}, MODELS, BENCHMARKS),
        sweep_figure(nothing, nothing, MODELS, BENCHMARKS),
        reads_figure(nothing, {}, {}, MODELS, BENCHMARKS),
        schedules_figure(nothing, nothing, MODELS, BENCHMARKS),
        horizon_figure(nothing, MODELS, BENCHMARKS),
        heatmaps_figure([]),
    ):
        assert "in this study" in figure.axes[0].texts[0].get_text()


def test_equal_figures_give_equal_bytes(data: Data, tmp_path: Path) -> None:
    paths = [(tmp_path / f"{turn}.svg", tmp_path / f"{turn}.png") for turn in "ab"]
    for svg, png in paths:
        style.save(horizon_figure(data.horizon, MODELS, BENCHMARKS), svg, png)
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert "<dc:date>" not in paths[0][0].read_text()


def test_dollar_signs_in_a_label_are_no_formula(data: Data, tmp_path: Path) -> None:
    (example,) = clearest(data)
    figure = heatmaps_figure([example._replace(label="$\\frac{ $5")])
    style.save(figure, tmp_path / "a.svg", tmp_path / "a.png")


def test_scores_that_are_all_equal_still_give_a_readable_axis(data: Data) -> None:
    metrics = data.metrics.with_columns(pl.lit(40.0).alias(name) for name in ("value", "low", "high", "full"))
    figure = sweep_figure(metrics, data.horizon, MODELS, BENCHMARKS)
    low, high = figure.axes[0].get_ylim()
    assert high - low >= 4 and low < 40 < high


def test_the_unpruned_line_is_on_the_questions_of_the_sweep(data: Data) -> None:
    strategies = pl.col("condition") == "strategy"
    fewer = data.metrics.with_columns(
        questions=pl.when(strategies).then(7).otherwise("questions").cast(pl.Int32),
        full=pl.when(strategies).then(12.5).otherwise("full"),
    )
    panel = sweep_figure(fewer, data.horizon, MODELS, BENCHMARKS).axes[0]
    (line,) = [one for one in panel.get_lines() if one.get_label() == "full"]
    assert line.get_ydata()[0] == 12.5


def test_a_metric_without_an_interval_is_drawn_without_bars(data: Data) -> None:
    metrics = data.metrics.with_columns(low=pl.lit(None, pl.Float64), high=pl.lit(None, pl.Float64))
    for axis, figure in (
        (1, sweep_figure(metrics, data.horizon, MODELS, BENCHMARKS)),
        (0, schedules_figure(data.schedules, metrics, MODELS, BENCHMARKS)),
    ):
        bars = [bar for panel in figure.axes for one in panel.containers for bar in one.lines[2]]
        ends = np.array([segment[:, axis] for bar in bars for segment in bar.get_segments()])
        assert len(ends) and (ends[:, 0] == ends[:, 1]).all()
