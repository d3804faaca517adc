"""The made-up study has the real tables in the real numbers, and the analysis finds the horizon that was planted."""

import sys
from fractions import Fraction
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import made_up
import made_up_questions
import roofline
import whole_study as bench

from infohorizon import tables
from infohorizon.analysis.criteria import Settings, criteria
from infohorizon.analysis.horizons import Whose, horizons
from infohorizon.analysis.panels import read_tables
from infohorizon.benchmarks import create

LAYERS = [4, 16, 18, 20, 28]
MODEL, DEPTH, SHARE = "llava-1.5-7b", 32, Fraction(1, 50)


@pytest.fixture(scope="module")
def config():
    found = roofline.study(bench.STUDY)
    found["run"] = {"models": [MODEL], "benchmarks": ["mme", "textvqa"]}
    found["shards"] = 2
    found["information"]["layers"] = LAYERS
    found["sweep"] |= {"layers": [4, 28], "strategies": ["random", "drop-all", "random-as-dart", "dart"]}
    return found


@pytest.fixture(scope="module")
def folder(config, tmp_path_factory):
    made = tmp_path_factory.mktemp("share-50")
    assert made_up.write(made, config, SHARE) == 47 + 100
    tables.write(made / "losses.arrow", "losses", [], {})
    return made


def files(folder, stage):
    return [str(path) for path in sorted((folder / stage).rglob("*.arrow"))]


def test_every_table_is_there_in_its_size(folder):
    sizes = {
        "answers": 2,
        "downsample": 4,
        "information": 5 * 144,
        "schedules": 10 + 3 * 6,
        "sweep": 2 * (4 * (3 + 3 + 1) + 1),
    }
    for stage, rows in sizes.items():
        assert tables.read(files(folder, stage), stage).height == 147 * rows, stage
    for stage, rows in {"removals": 4 * 32, "states": 32}.items():
        assert tables.read(files(folder, stage), stage).height == (21 + 20) * rows, stage


def test_the_planted_horizon_is_found(folder):
    stages = ("answers", "information", "removals", "sweep", "schedules")
    paths = {stage: files(folder, stage) for stage in stages}
    paths |= {"questions": [str(folder / "benchmarks" / "textvqa.arrow")], "losses": folder / "losses.arrow"}
    own = read_tables(paths, MODEL, "textvqa", DEPTH, {"dart": "random-as-dart"})
    rows = horizons(Whose(MODEL, "textvqa", DEPTH), list(criteria(own, Settings(resamples=200))), Settings())
    found = {(row["criterion"], row["strategy"]): row for row in rows if row["factor"] == 1 and not row["removal"]}
    assert found["information", ""]["layer"] == 18  # 90 % of the 0.6 · 32 layers at which nothing is left
    assert found["no-advantage", "dart"]["questions"] == 100


@pytest.mark.parametrize("task", ["mme", "pope", "mmbench", "scienceqa", "textvqa", "ocrbench"])
def test_questions_are_such_as_the_task_can_score(task):
    size = made_up_questions.scaled(roofline.sizes.benchmark_size(task, {"task": task}, None)[0], 0.02)
    asked = made_up_questions.questions(task, size)
    assert asked["question_id"].is_unique().all() and asked["image_id"].n_unique() == size.images
    frame = asked.with_columns(cell=0, answer="label", score=1.0)
    terms = create(task).terms(frame)
    assert terms["numerator"].sum() > 0


def test_page_and_figure(tmp_path):
    used = [bench.Used(Fraction(1, n), 64 // n, group, 12.0, 10.0, 2e9) for n in (2, 1) for group in bench.GROUPS]
    lines = bench.page(used).splitlines()
    assert (
        lines[0] == "| rules | 32 questions | 64 questions |" and lines[-1] == "| all | 40 s, 2.0 GB | 40 s, 2.0 GB |"
    )
    bench.draw(used).savefig(tmp_path / "growth.png")
