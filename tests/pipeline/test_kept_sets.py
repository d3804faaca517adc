"""Exports of a study, and its own kept sets read back as a strategy: the same answers."""

import json

import polars as pl
import pytest

from faults.fixtures import base
from faults.study import CONFIGURATION, Study, make
from infohorizon import tables

__all__ = ["base"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SWEEP = {"strategies": ["random", "divprune"], "layers": [1, 3], "keep": [3, 0.4], "repeats": 2, "limit": 20}
PART = "results/sweep/tiny/tiny-mme/part-0.arrow"
SETS = "results/export/kept/tiny/tiny-mme.parquet"
LOGS = "results/export/samples/tiny/tiny-mme"
CELL = ["question_id", "layer", "keep", "repeat"]


def configure(study: Study, **changes) -> None:
    (study.folder / "study.yaml").write_text(json.dumps(CONFIGURATION | {"strategies": {}, "sweep": SWEEP} | changes))


def twins(study: Study, file: str) -> None:
    """Both strategies once more, as kept sets of a file."""
    own = {f"{name}-again": {"strategy": "kept", "file": file, "name": name} for name in SWEEP["strategies"]}
    configure(study, strategies=own, sweep={**SWEEP, "strategies": [*SWEEP["strategies"], *own]})


@pytest.fixture(scope="module")
def study(base) -> Study:
    study = make(base, "exchange")
    configure(study)
    study.run(target="export")
    return study


def test_logs_hold_every_answer_under_lmms_evals_names(study):
    swept = tables.read(study.folder / PART, "sweep")
    files = {path.stem: path.read_text().splitlines() for path in (study.folder / LOGS).glob("*.jsonl")}
    runs = swept.select("strategy", "layer", "keep", "repeat").unique().height
    assert len(files) == 3 + runs + 2  # full, blind and smaller images; two schedules
    lines = [json.loads(line) for line in files["divprune_layer-3_keep-0.4"]]
    own = swept.filter(strategy="divprune", layer=3, keep=0.4)
    answers = dict(own.select("question_id", "answer").iter_rows())
    assert {line["question_id"]: line["filtered_resps"][0] for line in lines} == answers
    assert sorted(line["doc_id"] for line in lines) == [line["doc_id"] for line in lines]
    assert all(("mme_perception_score" in line) != ("mme_cognition_score" in line) for line in lines)
    assert all(line["input"].endswith("single word or phrase.") for line in lines)


def test_kept_sets_read_back_give_the_same_answers_and_are_checked_before_a_model_runs(study):
    copy = study.folder / "sets" / "tiny" / "tiny-mme.parquet"
    copy.parent.mkdir(parents=True)
    sets = pl.read_parquet(study.folder / SETS)
    shuffled = sets.sample(fraction=1, shuffle=True, seed=1).with_columns(kept=pl.col("kept").list.reverse())
    shuffled.write_parquet(copy)
    twins(study, "sets/{model}/{benchmark}.parquet")
    study.run(target=PART)
    swept = tables.read(study.folder / PART, "sweep")
    for name in SWEEP["strategies"]:
        first, again = (swept.filter(strategy=own).drop("strategy").sort(CELL) for own in (name, f"{name}-again"))
        assert first.height == again.height > 0 and first.equals(again)

    assert "Nothing to be done" in study.run(target=PART)
    shuffled.with_row_index("n").drop("n").write_parquet(copy, compression="uncompressed")
    planned = study.run("--dry-run", target=PART)  # other bytes are another file
    assert "Job 0: Sweep of tiny" in planned and "Vision encoding" not in planned

    question = sets["question_id"][0]
    for changed, sentence in (
        (sets.filter(pl.col("question_id") != question), f"has no set for question {question}, layer 1, keep"),
        (
            sets.with_columns(kept=pl.col("kept").list.concat(pl.lit([999]))),
            "keeps token 999, but its image has 25 (0 to",
        ),
    ):
        changed.write_parquet(copy)
        output = study.run(target=PART, ok=False)
        assert sentence in output and "Traceback" not in output
        assert "Checking kept sets for tiny on tiny-mme" in output and "Sweep of tiny" not in output
    sets.with_columns(kept=pl.col("kept").list.concat(pl.col("kept"))).write_parquet(copy)
    output = study.run(target=PART, ok=False)
    assert "a token is kept twice" in output and "rule " not in output
