"""Losses of a benchmark's own metric by image, and the horizon that rests on them."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from study_tables import only, rows_of
from test_metric_table import answered, questions

from infohorizon import benchmarks
from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.metric_losses import loss_rows
from infohorizon.analysis.metric_table import Answered, runs
from infohorizon.analysis.metrics import published
from infohorizon.analysis.panels import Tables
from infohorizon.tables import from_rows


def dropping(name, images=12, layers=(1, 2, 3), seed=0):
    """Full answers, and those without visual tokens from each layer on; from the last layer on they are the same."""
    task, rng, asked = benchmarks.create(name), np.random.default_rng(seed), questions(name, images)
    full = answered(task, asked, rng)
    dropped = [
        (full if layer == layers[-1] else answered(task, asked, rng)).with_columns(
            strategy=pl.lit("drop-all"),
            layer=pl.lit(layer, pl.Int32),
            keep=0.0,
            repeat=pl.lit(0, pl.Int32),
            tokens=0,
        )
        for layer in layers
    ]
    both = runs(full.with_columns(condition=pl.lit("full")), "answers")
    return Answered("m", name, task, asked, both, [runs(pl.concat(dropped), "strategy")], {})


def metric(study, images, layer=None):
    """The own metric of one run on some images, from scratch."""
    run = study.full_and_blind if layer is None else study.pruned[0].filter(layer=layer)
    about = study.questions.filter(pl.col("image_id").is_in(images))
    frame = run.join(about.select("question_id", "image_id", "category", "answers"), on="question_id")
    return next(iter(published(study.task, frame).values()))


@pytest.mark.parametrize("name", ["mme", "pope", "vqa"])
def test_losses_are_naive_jackknife_pseudo_values(name):
    study = dropping(name)
    rows = {(row["layer"], row["image_id"]): row["loss"] for row in loss_rows(study)}
    images = study.questions["image_id"].unique().to_list()
    assert len(rows) == 3 * len(images)
    whole = metric(study, images)
    for layer in (1, 2, 3):
        theta = metric(study, images, layer)
        for image in images:
            others = [other for other in images if other != image]
            full = len(images) * whole - (len(images) - 1) * metric(study, others)
            pruned = len(images) * theta - (len(images) - 1) * metric(study, others, layer)
            assert rows[layer, image] == pytest.approx((full - pruned) / whole, abs=1e-9)
        mean = np.mean([rows[layer, image] for image in images])
        assert mean == pytest.approx((whole - theta) / whole, abs=0.1 if name == "pope" else 1e-9)


def test_the_horizon_of_the_metric():
    """Many images: from the layer on at which the answers are those of the full model nothing is lost."""
    study = dropping("mme", images=400)
    lost = pl.when(pl.col("layer") < 3)
    wrong = study.pruned[0].with_columns(
        answer=lost.then(pl.lit("?")).otherwise("answer"), score=lost.then(0.0).otherwise("score")
    )
    study = replace(study, pruned=[wrong])
    losses = pl.DataFrame(from_rows("losses", loss_rows(study)))
    tables = Tables("m", "mme", 8, study.questions, losses=losses)
    row = only(rows_of(tables, Settings(margin=0.05)), "metric")
    assert (row["layer"], row["high"], row["images"], row["questions"]) == (3, 3, 400, 800)
    few = replace(tables, losses=losses.filter(pl.col("image_id").is_in([f"i{i}" for i in range(40)])))
    assert only(rows_of(few, Settings(margin=0.05)), "metric")["high"] == 8, "40 images show no margin of 0.05"


def test_nothing_to_lose_and_nothing_dropped():
    study = dropping("vqa")
    wrong = study.full_and_blind.with_columns(answer=pl.lit("?"), score=0.0)
    assert list(loss_rows(replace(study, full_and_blind=wrong))) == []
    assert list(loss_rows(replace(study, pruned=[]))) == []
