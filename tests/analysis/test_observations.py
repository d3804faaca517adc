"""Frames and intervals that the figures draw from."""

import numpy as np
import polars as pl
import pytest

from figures.synthetic import DEPTH, HORIZONS, IMAGES, WINDOWS, Study
from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.horizons import configured


@pytest.fixture(scope="module")
def questions(study: Study) -> pl.DataFrame:
    return observations.questions(study.questions)


def test_information_is_reduced_per_question_and_layer(study: Study, questions: pl.DataFrame) -> None:
    frame = observations.information(study.paths["information"], questions)
    assert frame.height == 2 * 3 * 2 * IMAGES * (DEPTH - 1)
    raw = tables.read(study.parts("information", "base", "reading"), "information")
    one = raw.filter(question_id="reading-03", layer=2)["information"].to_numpy()
    row = frame.filter(model="base", benchmark="reading", question_id="reading-03", layer=2).row(0, named=True)
    assert len(one) == WINDOWS
    assert row["information"] == np.abs(one).max()
    assert row["spread"] == pytest.approx(one.std())
    assert row["answer_information"] == pytest.approx(0.7 * np.abs(one).max())
    assert row["image_id"] == "image-1"


def test_repeats_are_averaged_before_anything_else(study: Study) -> None:
    frame = study.swept()
    cell = {"strategy": "random", "layer": 7, "keep": 16.0, "question_id": "reading-18"}
    raw = tables.read(study.parts("sweep", "base", "reading"), "sweep").filter(**cell)
    assert raw.height == 3 and raw["score"].n_unique() == 1
    row = frame.filter(model="base", benchmark="reading", **cell)
    assert row.height == 1 and row["score"].item() == raw["score"].mean()


def test_configured_horizons_are_one_row_per_line(study: Study) -> None:
    shown = configured(tables.read(study.horizon, "horizon"))
    assert not shown.select("model", "benchmark", "criterion", "strategy").is_duplicated().any()
    found = shown.filter(model="base", criterion="information")
    assert dict(found.select("benchmark", "layer").iter_rows()) == HORIZONS
