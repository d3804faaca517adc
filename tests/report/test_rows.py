"""The page's tables, and the paper's values beside them."""

import polars as pl

from figures.synthetic import BENCHMARKS, MODELS, Study
from infohorizon import tables
from infohorizon.analysis import observations, paper
from infohorizon.report import rows


def test_tables_of_scores(study: Study) -> None:
    questions = observations.questions(study.questions)
    shown = [row for row in rows.metrics(tables.read(study.metrics, "metrics")) if row[3] == "all"]
    assert shown[0][:6] == ["base", "knowledge", "exact accuracy", "all", "%", "20"]
    assert shown[0][6].startswith("75.00 [") and shown[0][7].startswith("60.00 [")
    assert shown[0][8] == "paper 0123abcd"
    best = rows.best_strategies(observations.sweep(study.paths["sweep"], questions), MODELS, BENCHMARKS)
    assert [row[2:5] for row in best[:2]] == [["16 tokens", "1–7", "divprune"], ["12.5 %", "1–7", "divprune"]]


def test_the_papers_values_stand_only_beside_its_models(study: Study) -> None:
    horizon = tables.read(study.horizon, "horizon")
    metrics = tables.read(study.metrics, "metrics")
    tasks = {"knowledge": "mme", "perception": "pope", "reading": "textvqa"}
    assert paper.beside(horizon, metrics, tasks, {"base": {"source": "resources/base"}}) == {}
    llava = paper.beside(horizon, metrics, tasks, {"base": {"source": "llava-hf/llava-1.5-7b-hf"}})
    assert llava["horizons"] == [
        ["base", "knowledge", "≈ 16", "layer 3 [3, 3] of 8"],
        ["base", "reading", "≈ 24", "layer 6 [6, 6] of 8"],
    ]
    assert not llava["qwen"] and not llava["relative"]
    qwen = paper.beside(horizon, metrics, tasks, {"strong": {"source": "Qwen/Qwen2.5-VL-7B-Instruct"}})
    assert [row[2] for row in qwen["horizons"]] == ["≈ 20", "≈ 20", "≈ 27"]
    measured = {row[1]: row[2] for row in qwen["relative"]}
    full = pl.Series([0.85, 0.9, 0.95])
    assert measured["divprune-16"] == "100.0 % [100.0, 100.0]"
    assert measured["fastv-8"].startswith(f"{100 * ((full - 0.1) / full).mean():.1f} % [")
