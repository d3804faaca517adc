"""`snakemake recommend` from nothing: what it writes follows from its tables, and a second call has nothing to do."""

import json

import polars as pl
import pytest

from faults.fixtures import base
from faults.study import CONFIGURATION, Study, make
from infohorizon.strategies import schedule

__all__ = ["base"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CHANGES = {
    "recommend": {"budgets": [0.4, 0.7], "tries": 4, "stages": 2, "loss": "agreement"},
    "sweep": CONFIGURATION["sweep"] | {"strategies": ["random", "drop-all", "divprune"]},
}


@pytest.fixture(scope="module")
def study(base):
    study = make(base, "recommend", **CHANGES)
    study.run(target="recommend")
    return study


def differing_answers(study: Study, split: str) -> pl.DataFrame:
    """schedule, loss: share of answers that are not the unpruned one; images: who they are about."""
    folder = study.folder / "results"
    place = "tiny/tiny-mme/part-0.arrow"
    columns = ["question_id", "schedule", "answer"]
    smaller = pl.read_ipc(folder / f"recommend/{split}/downsample" / place)
    smaller = smaller.with_columns(schedule=pl.format("downsample {}", "keep"))
    tried = pl.concat(
        [pl.read_ipc(folder / f"recommend/{split}/schedules" / place).select(columns), smaller.select(columns)]
    )
    full = pl.read_ipc(folder / "answers" / place).filter(condition="full")
    questions = pl.read_ipc(folder / "benchmarks/tiny-mme.arrow")
    rows = tried.join(full, on="question_id", suffix="_full").join(questions, on="question_id")
    return rows.group_by("schedule").agg(
        loss=(pl.col("answer") != pl.col("answer_full")).mean(), images=pl.col("image_id").unique()
    )


def test_the_recommendation_follows_from_the_tables(study):
    folder = study.folder / "results/recommend/tiny"
    table = pl.read_ipc(folder / "recommendation.arrow")
    images = {}
    for split in ("search", "held-out"):
        losses = differing_answers(study, split)
        images[split] = set(losses["images"].explode())
        own = table.filter(split=split, benchmark="tiny-mme").join(losses, on="schedule", suffix="_again")
        assert own.height == table.filter(split=split, benchmark="tiny-mme").height > 4
        assert own["loss"].to_list() == pytest.approx(own["loss_again"].to_list())
    assert images["search"] and images["held-out"] and not images["search"] & images["held-out"]
    for (budget,), rows in table.filter(split="search", benchmark="").partition_by("budget", as_dict=True).items():
        (winner,) = rows.filter(role="winner").iter_rows(named=True)
        fair = rows.filter(pl.col("token_share") <= 1.025 * budget, pl.col("role") != "downsample")
        assert winner["loss"] == fair["loss"].min()
        (smaller,) = rows.filter(role="downsample").iter_rows(named=True)
        assert (smaller["token_share"], smaller["cost"], smaller["stages"]) == (
            1.0,
            1.0,
            "[]",
        )  # LLaVA makes all of its tokens
        assert winner["cost"] <= budget and winner["token_share"] <= 1.025 * budget
        plan = schedule.read(folder / f"schedule-{budget:g}.json")
        assert [[stage.layer, stage.strategy, stage.keep] for stage in plan.stages] == json.loads(winner["stages"])
        assert plan.depth == 6 and plan.evidence["search"]["mean"]["loss"] == winner["loss"]
    assert "Nothing to be done" in study.run(target="recommend", log="again.log")
