"""The rendered benchmarks as data set folders and tasks."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from datasets import load_dataset

from infohorizon import benchmarks
from infohorizon.analysis.metrics import published
from infohorizon.errors import UserError
from infohorizon.mini.rendered.dataset import BENCHMARKS, render
from infohorizon.mini.rendered.scenes import SIZE
from infohorizon.study.configuration import RENDERED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    for task in BENCHMARKS:
        render(task, "test", folder / task)
    return folder


def questions(folder: Path, task: str) -> list:
    rows = load_dataset(str(folder / task), split="test").remove_columns("image")
    return [benchmarks.create(task).question(row, index) for index, row in enumerate(rows)]


def test_the_configuration_knows_the_rendered_benchmarks() -> None:
    assert set(RENDERED) == set(BENCHMARKS)


@pytest.mark.parametrize("task", BENCHMARKS)
def test_a_folder_loads_as_a_data_set_of_enough_questions(folder: Path, task: str) -> None:
    rows = load_dataset(str(folder / task), split="test")
    assert len(rows) >= 300
    assert len(set(rows["question_id"])) == len(rows)
    assert rows[0]["image"].size == (SIZE, SIZE)
    assert set(benchmarks.create(task).columns) <= set(rows.column_names)


@pytest.mark.parametrize("task", BENCHMARKS)
def test_rendering_twice_gives_the_same_bytes(folder: Path, task: str, tmp_path: Path) -> None:
    render(task, "test", tmp_path)
    (again,) = tmp_path.iterdir()
    assert again.read_bytes() == (folder / task / again.name).read_bytes()


@pytest.mark.parametrize(
    ("task", "chance"),
    [
        ("knowledge", 0.30),
        ("perception", 0.55),
        ("reading", 0.05),
        ("places", 0.05),
        ("countries", 0.20),
        ("digits", 0.15),
    ],
)
def test_the_best_constant_answer_stays_at_chance(folder: Path, task: str, chance: float) -> None:
    labels = Counter(question.label for question in questions(folder, task))
    assert max(labels.values()) / labels.total() <= chance


def test_the_label_scores_one_and_another_answer_none(folder: Path) -> None:
    for task in BENCHMARKS:
        for question in questions(folder, task)[:50]:
            rules = benchmarks.create(task)
            assert rules.score(question.label, question.answers) == 1
            assert rules.score("perhaps", question.answers) == 0


def frame(answers: list[str], labels: list[str], scores: list[float], images: list[str]) -> pl.DataFrame:
    said = {"answer": answers, "answers": [[x] for x in labels], "score": scores, "category": "x"}
    return pl.DataFrame({"question_id": [*map(str, range(len(answers)))], "image_id": images, **said})


def test_reading_ignores_spaces_and_counts_characters() -> None:
    rules = benchmarks.create("reading")
    assert rules.score("K 7 m", ["K7M"]) == 1
    metrics = published(rules, frame(["K 7 M", "K 7 X"], ["K7M", "K7M"], [1.0, 0.0], ["a", "b"]))
    assert metrics["accuracy", ""] == 50 and metrics["characters", ""] == pytest.approx(500 / 6)


def test_perception_counts_pairs() -> None:
    rules = benchmarks.create("perception")
    assert rules.score("Yes.", ["yes"]) == 1
    answers = ["yes", "no", "yes", "yes", "red"]
    labels = ["yes", "no", "yes", "no", "red"]
    metrics = published(rules, frame(answers, labels, [1.0, 1.0, 1.0, 0.0, 1.0], ["a", "a", "b", "b", "a"]))
    assert metrics["accuracy", ""] == 80 and metrics["acc+", ""] == 50


def test_knowledge_takes_the_letter_alone() -> None:
    rules = benchmarks.create("knowledge")
    assert rules.score(" B", ["B"]) == 1
    assert rules.score("B apple", ["B"]) == 0


def test_an_unknown_benchmark_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no rendered benchmark 'writing'"):
        render("writing", "test", tmp_path)
