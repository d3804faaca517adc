"""The page's tables, and the paper's values beside them."""

import polars as pl
import pytest

from figures.synthetic import BENCHMARKS, MODELS, Study
from infohorizon import tables
from infohorizon.analysis import observations, paper
from infohorizon.analysis.collapse import collapses
from infohorizon.analysis.criteria import VANISHING
from infohorizon.report import rows, verdicts


def test_tables_of_scores(study: Study) -> None:
    shown = [row for row in rows.metrics(tables.read(study.metrics, "metrics")) if row[3] == "all"]
    assert shown[0][:6] == ["base", "knowledge", "exact accuracy", "all", "%", "20"]
    assert shown[0][6].startswith("75.00 [") and shown[0][7].startswith("60.00 [")
    assert shown[0][8] == "paper 0123abcd"


def test_the_best_strategy_is_the_best_by_its_own_metric_over_all_layers(study: Study) -> None:
    metrics = tables.read(study.metrics, "metrics")
    best = {(row[0], row[1], row[3]): row for row in rows.best_strategies(metrics)}
    assert len(best) == len(MODELS) * len(BENCHMARKS) * 2
    own = study.swept().filter(model="base", benchmark="reading", keep=16.0)
    means = dict(own.group_by("strategy").agg(100 * pl.col("score").mean()).iter_rows())
    row = best["base", "reading", "16 tokens"]
    assert row[2:6] == ["exact accuracy (%)", "16 tokens", "2", "divprune"]
    assert [cell.split(" [")[0] for cell in row[6:]] == [
        *(f"{means[name]:.2f}" for name in ("divprune", "random", "information")),
        "85.00",
    ]
    fewer = rows.best_strategies(metrics, ["information", "divprune"])  # as if this were another oracle
    assert next(row for row in fewer if (row[0], row[1], row[3]) == ("base", "reading", "16 tokens"))[4:6] == [
        "1",
        "fastv",
    ]
    every = [row for row in rows.strategies_over_layers(metrics) if row[:3] == ["base", "reading", "16 tokens"]]
    assert {row[3] for row in every} == {"random", "fastv", "divprune", "information"}


def test_images_at_lower_resolution_stand_beside_random(study: Study) -> None:
    metrics = tables.read(study.metrics, "metrics")
    found = {(row[0], row[1]): row[2:] for row in rows.downsampled(metrics)}
    assert len(found) == len(MODELS) * len(BENCHMARKS)
    metric, keep, tokens, questions, value, difference, random, of_random = found["base", "knowledge"]
    assert [metric, keep, tokens, questions, of_random] == ["exact accuracy (%)", "12.5 %", "8", "20", "20"]
    answers = tables.read(study.parts("downsample", "base", "knowledge"), "downsample")
    assert value.startswith(f"{100 * answers['score'].mean():.2f} [")
    assert difference.startswith(f"{100 * answers['score'].mean() - 75:+.2f} [")
    (swept,) = [row for row in rows.strategies_over_layers(metrics) if row[:4] == ["base", "knowledge", keep, "random"]]
    assert random == swept[4]
    swept = (pl.col("condition") == "strategy").fill_null(False)
    assert {tuple(row[-2:]) for row in rows.downsampled(metrics.filter(~swept))} == {("–", "–")}


def test_the_collapse_of_the_entropy_stands_beside_the_horizons(study: Study) -> None:
    states = observations.states(study.paths["states"], observations.questions(study.questions))
    shown = rows.by_criterion(tables.read(study.horizon, "horizon"), VANISHING)
    heads, found = rows.beside_collapse(shown, collapses(states))
    assert heads[:3] == ["model", "benchmark", "entropy collapse"] and heads[3:] == shown[0][2:]
    assert {(row[0], row[1]): row[2] for row in found} == {
        pair: f"layer {layer}" for pair, layer in study.horizons.items()
    }
    flat = states.with_columns(entropy=pl.lit(0.5))
    assert {row[2] for row in rows.beside_collapse(shown, collapses(flat))[1]} == {"none"}
    assert rows.beside_collapse(shown, collapses(states.clear())) == shown


def test_answers_of_another_spelling_are_counted_over_all_parts(study: Study) -> None:
    found = observations.other_spellings(study.paths["answers"])
    assert found.height == 6 and set(found.select("other", "answers").iter_rows()) == {(3, 20)}


@pytest.mark.parametrize(("tolerance", "said"), [(0.005, "0.5%"), (0.125, "12.5%"), (0.1, "10%"), (0.07, "7%")])
def test_the_tolerance_is_the_configured_one(study: Study, tolerance: float, said: str) -> None:
    horizon = tables.read(study.horizon, "horizon").with_columns(threshold=pl.lit(tolerance))
    sentences = verdicts.sentences(horizon, ["information"])
    assert sentences and all(f"from which on at most {said} of that is left" in text for text in sentences)


def test_the_papers_values_stand_only_beside_its_models(study: Study) -> None:
    horizon = tables.read(study.horizon, "horizon")
    metrics = tables.read(study.metrics, "metrics")
    tasks = {"knowledge": "mme", "perception": "pope", "reading": "textvqa"}
    assert paper.beside(horizon, metrics, tasks, {"base": {"source": "resources/base"}}) == {}
    llava = paper.beside(horizon, metrics, tasks, {"base": {"source": "llava-hf/llava-1.5-7b-hf"}})
    assert llava["horizons"] == [
        ["base", "knowledge", "≈ 16", "3 of 8"],
        ["base", "reading", "≈ 24", "6 of 8"],
    ]
    assert not llava["qwen"] and not llava["relative"]
    qwen = paper.beside(horizon, metrics, tasks, {"strong": {"source": "Qwen/Qwen2.5-VL-7B-Instruct"}})
    assert [row[2] for row in qwen["horizons"]] == ["≈ 20", "≈ 20", "≈ 27"]
    measured = {row[1]: row[2] for row in qwen["relative"]}
    full = pl.Series([0.85, 0.9, 0.95])
    assert measured["divprune-16"] == "100.0 % [100.0, 100.0]"
    assert measured["fastv-8"].startswith(f"{100 * ((full - 0.1) / full).mean():.1f} % [")
    few = metrics.with_columns(
        value=pl.when(pl.col("name") == "fastv-8").then("value"), low=pl.lit(None), high=pl.lit(None)
    )
    assert paper.relative(few, "strong") == [["strong", "fastv-8", measured["fastv-8"].partition(" [")[0]]]
