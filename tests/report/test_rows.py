"""The page's tables, and the paper's values beside them."""

import polars as pl

from figures.synthetic import BENCHMARKS, MODELS, Study
from infohorizon import tables
from infohorizon.analysis import observations, paper
from infohorizon.report import rows


def test_tables_of_scores(study: Study) -> None:
    questions = observations.questions(study.questions)
    scores = rows.scores(observations.answers(study.paths["answers"], questions), MODELS, BENCHMARKS)
    assert [row[:3] for row in scores[:2]] == [["base", "knowledge", "20"], ["base", "perception", "20"]]
    assert scores[0][3].startswith("0.750 [") and scores[0][4].startswith("0.600 [")
    best = rows.best_strategies(observations.sweep(study.paths["sweep"], questions), MODELS, BENCHMARKS)
    assert [row[2:5] for row in best[:2]] == [["16 tokens", "1–7", "divprune"], ["12.5 %", "1–7", "divprune"]]


def test_the_papers_values_stand_only_beside_its_models(study: Study) -> None:
    horizon = tables.read(study.horizon, "horizon")
    questions = observations.questions(study.questions)
    schedules = observations.schedules(study.paths["schedules"], questions)
    answers = observations.answers(study.paths["answers"], questions)
    tasks = {"knowledge": "mme", "perception": "pope", "reading": "textvqa"}
    assert paper.beside(horizon, schedules, answers, tasks, {"base": {"source": "resources/base"}}) == {}
    llava = paper.beside(horizon, schedules, answers, tasks, {"base": {"source": "llava-hf/llava-1.5-7b-hf"}})
    assert llava["horizons"] == [
        ["base", "knowledge", "≈ 16", "layer 3 [3, 3] of 8"],
        ["base", "reading", "≈ 24", "layer 6 [6, 6] of 8"],
    ]
    assert not llava["qwen"] and not llava["relative"]
    qwen = paper.beside(horizon, schedules, answers, tasks, {"strong": {"source": "Qwen/Qwen2.5-VL-7B-Instruct"}})
    assert [row[2] for row in qwen["horizons"]] == ["≈ 20", "≈ 20", "≈ 27"]
    measured = {row[1]: row[3] for row in qwen["relative"]}
    full = pl.Series([0.85, 0.9, 0.95])
    assert measured["divprune-16"] == "100.0 %"
    assert measured["fastv-8"] == f"{100 * ((full - 0.1) / full).mean():.1f} %"
