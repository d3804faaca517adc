"""Questions without a category beside some that have one; what many categories cost."""

import runpy
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from study_tables import DEPTH, removals, rows_of, study

from infohorizon import benchmarks, tables
from infohorizon.analysis.criteria import Settings, criteria
from infohorizon.analysis.horizons import Whose, configured, horizons
from infohorizon.analysis.metrics import draws, published

QUICK = Settings(resamples=200)
SCRIPT = Path(__file__).parents[2] / "workflow/scripts/estimate_horizons.py"


def answered(categories, scores, cells=1):
    """A question on an image each, in every cell with the same answer."""
    names = [f"{number:05}" for number in range(len(categories))]
    about = {"question_id": names, "image_id": names, "category": categories, "score": scores}
    frame = pl.DataFrame(about).with_columns(answers=pl.lit([""], pl.List(pl.String)), answer=pl.lit(""))
    return frame.join(pl.DataFrame({"cell": range(cells)}), how="cross")


def test_questions_without_a_category_count_in_the_whole_alone():
    task = benchmarks.create("vqa")
    found = published(task, answered(["", "", "cat", "cat"], [1.0, 1.0, 0.0, 0.0]))
    assert found == {("exact accuracy", ""): 50.0, ("exact accuracy", "cat"): 0.0}
    assert published(task, answered(["", ""], [1.0, 0.0])) == {("exact accuracy", ""): 50.0}


@pytest.mark.parametrize(("blank", "expected"), [("c0", {"", "c1"}), ("c1", {"", "c0"})])
def test_the_whole_benchmark_has_one_row_of_a_criterion(blank, expected):
    made = study(categories=2)
    made = replace(made, questions=made.questions.with_columns(pl.col("category").replace(blank, "")))
    horizon = pl.DataFrame(tables.from_rows("horizon", rows_of(made, QUICK)))
    whole = configured(horizon)
    assert set(horizon["category"]) == expected
    assert not whole.select("model", "benchmark", "criterion", "strategy").is_duplicated().any()
    assert whole["questions"].unique().to_list() == [60]


def test_many_categories_take_no_more_memory_than_one():
    """Of each, its own images are held: 300 of two images, where one has all 600."""
    task, images, cells = benchmarks.create("vqa"), 600, 40
    scores = np.random.default_rng(0).random(images).tolist()
    weights = np.ones((2, images))

    def peak(categories):
        frame = answered([f"c{number % categories:03}" for number in range(images)], scores, cells)
        tracemalloc.start()
        try:
            found = draws(task, frame, frame["image_id"].unique().sort(), weights)
            return tracemalloc.get_traced_memory()[1], found
        finally:
            tracemalloc.stop()

    (one, whole), (many, split) = peak(1), peak(300)
    assert len(split) == 301 and split["exact accuracy", ""] == pytest.approx(whole["exact accuracy", ""])
    means = np.reshape(scores, (2, 300)).mean(axis=0)
    assert [split["exact accuracy", f"c{k:03}"][7, 1] for k in range(300)] == pytest.approx(100 * means)
    assert many < 5 * one  # all images in all categories: 300 times


def test_only_criteria_that_the_findings_take_are_kept():
    """Each holds its resamples: those of a hundred categories would fill the memory."""
    usable, scores = np.random.default_rng(1).random((2, 60, DEPTH))
    made = replace(study(categories=3), removals=removals(usable, scores))
    whose = Whose(made.model, made.benchmark, made.depth)
    rows, kept = runpy.run_path(str(SCRIPT), run_name="imported")["measured"](whose, made, QUICK)
    every = list(criteria(made, QUICK))
    assert rows == horizons(whose, every, QUICK)
    chosen = [criterion for criterion in every if not (criterion.category or criterion.removal)]
    assert len(chosen) < len(every) and {criterion.category for criterion in every} == {"", "c0", "c1", "c2"}
    assert [criterion.name for criterion in kept] == [criterion.name for criterion in chosen]
    assert not any(criterion.category or criterion.removal for criterion in kept)
