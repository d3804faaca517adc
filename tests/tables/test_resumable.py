"""Tables filled cell by cell: whatever is killed, added or changed, a table has the bytes of one made at once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from infohorizon import tables
from infohorizon.errors import UserError
from infohorizon.tables import resumable
from infohorizon.tables.resumable import Cells, fill

QUESTIONS = [f"q{number:02}" for number in range(50)]
STRATEGIES = {"random": 2, "fastv": 1}  # repeats
METADATA = {"stage": "sweep", "code": "1"}
# A process that is killed for good at the moment named: `step` of the `number`th file that it writes.
KILLED = """
import os, signal, sys, test_resumable
from infohorizon import atomic
step, number, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
real, calls = getattr(atomic.os, step), []
def kill(*arguments):
    calls.append(1)
    return os.kill(os.getpid(), signal.SIGKILL) if len(calls) == number else real(*arguments)
setattr(atomic.os, step, kill)
test_resumable.Study(path).write()
"""


class Study:
    """A sweep over some questions, strategies, layers and keeps, and which cells its last `write` computed."""

    def __init__(self, path: str | Path, **changes: Any) -> None:
        self.path, self.computed = Path(path), []
        self.questions, self.strategies, self.layers, self.keeps = QUESTIONS, STRATEGIES, [1, 2], [0.5, 4.0]
        self.items = {question: f"as {question} is" for question in QUESTIONS}
        self.groups = {strategy: f"code of {strategy}" for strategy in STRATEGIES}
        self.broken_at: str | None = None
        for name, value in changes.items():
            setattr(self, name, value)

    def cells(self) -> Cells:
        keys = [
            {"strategy": s, "layer": layer, "keep": keep, "repeat": repeat}
            for s, repeats in self.strategies.items()
            for layer in self.layers
            for keep in self.keeps
            for repeat in range(repeats)
        ]
        asked = pl.DataFrame({"question_id": self.questions}, schema={"question_id": pl.String})
        wanted = asked.join(pl.DataFrame(keys), how="cross", maintain_order="left_right")
        groups = {strategy: self.groups[strategy] for strategy in self.strategies}
        return Cells("sweep", wanted, {question: self.items[question] for question in self.questions}, groups)

    def compute(self, question: str, missing: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if question == self.broken_at:
            raise KeyboardInterrupt
        self.computed += [tuple(key.values()) for key in missing]
        return [
            {
                **key,
                "kept": list(range(key["layer"])),
                "tokens": key["layer"],
                "answer": f"{question} {key} {self.items[question]} {self.groups[key['strategy']]}",
                "score": None,
                "label_probability": key["keep"] / 8,
            }
            for key in missing
        ]

    def write(self) -> int:
        """Write the table; how many cells were computed for it."""
        self.computed.clear()
        fill(self.path, self.cells(), self.compute, lambda: METADATA)
        return len(self.computed)

    def bytes(self) -> bytes:
        return self.path.read_bytes()


def anew(folder: Path, **changes: Any) -> bytes:
    """The bytes of the same table made at once, elsewhere."""
    study = Study(folder / "anew" / "part-0.arrow", **changes)
    for file in study.path.parent.rglob("*"):
        file.unlink() if file.is_file() else None
    study.write()
    return study.bytes()


@pytest.fixture
def done(tmp_path: Path) -> Study:
    """A finished table, as Snakemake leaves it to the next job: deleted."""
    study = Study(tmp_path / "part-0.arrow")
    assert study.write() == 50 * 2 * 2 * 3
    study.path.unlink()
    return study


def interrupt(path: Path, at: int = 40, **changes: Any) -> None:
    """Leave two chunks behind: the write fails at the 41st question."""
    with pytest.raises(KeyboardInterrupt):
        Study(path, broken_at=f"q{at}", **changes).write()
    assert not path.exists()


@pytest.mark.parametrize(
    ("step", "number", "kept"), [("fsync", 1, 0), ("replace", 2, 1), ("fsync", 3, 2), ("replace", 4, 3)]
)
def test_a_killed_write_loses_one_chunk_at_most(tmp_path: Path, step: str, number: int, kept: int) -> None:
    path = tmp_path / "part-0.arrow"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    killed = subprocess.run([sys.executable, "-c", KILLED, step, str(number), str(path)], env=environment)
    assert killed.returncode == -9 and not path.exists()
    study = Study(path)
    assert study.write() == (50 - 16 * kept) * 12
    assert study.bytes() == anew(tmp_path)


@pytest.mark.parametrize(("step", "number"), [("replace", 5), ("link", 1), ("replace", 6)])
def test_a_write_killed_at_its_end_computes_nothing_again(tmp_path: Path, step: str, number: int) -> None:
    path = tmp_path / "part-0.arrow"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    killed = subprocess.run([sys.executable, "-c", KILLED, step, str(number), str(path)], env=environment)
    assert killed.returncode == -9
    path.unlink(missing_ok=True)  # Snakemake deletes what a killed job left
    study = Study(path)
    assert study.write() == 0 and study.bytes() == anew(tmp_path)


def test_only_the_table_and_a_link_to_it_stay(tmp_path: Path) -> None:
    interrupt(tmp_path / "part-0.arrow")
    assert len(list((tmp_path / ".cells").iterdir())) == 2
    Study(tmp_path / "part-0.arrow").write()
    assert [path.name for path in (tmp_path / ".cells").iterdir()] == ["part-0.cells"]
    assert (tmp_path / ".cells/part-0.cells").samefile(tmp_path / "part-0.arrow")


@pytest.mark.parametrize(
    ("change", "cells"),
    [
        ({}, 0),
        ({"keeps": [0.5, 4.0, 8.0]}, 50 * 2 * 3),
        ({"keeps": [8.0, 0.5, 4.0]}, 50 * 2 * 3),
        ({"layers": [1, 2, 3]}, 50 * 2 * 3),
        ({"strategies": {"random": 3, "fastv": 1}}, 50 * 4),
        ({"keeps": [4.0]}, 0),
        ({"strategies": {"fastv": 1}}, 0),
        ({"questions": QUESTIONS[:7]}, 0),
        ({"strategies": {**STRATEGIES, "dart": 1}, "groups": {s: f"code of {s}" for s in (*STRATEGIES, "dart")}}, 200),
        ({"groups": {"random": "code of random", "fastv": "new"}}, 50 * 4),
        ({"items": {q: "as it was edited" if q == "q07" else f"as {q} is" for q in QUESTIONS}}, 12),
    ],
    ids=["nothing", "keep", "keep first", "layer", "repeat", "fewer keeps", "fewer strategies", "fewer questions",
         "strategy", "code of one strategy", "one question edited"],
)  # fmt: skip
def test_a_change_computes_its_own_cells(done: Study, tmp_path: Path, change: dict[str, Any], cells: int) -> None:
    study = Study(done.path, **change)
    assert study.write() == cells
    assert study.bytes() == anew(tmp_path, **change)


def test_what_is_dropped_is_there_when_it_comes_back(done: Study, tmp_path: Path) -> None:
    for strategies in ({"fastv": 1}, {"random": 1}, STRATEGIES):
        study = Study(done.path, strategies=strategies)
        assert study.write() == 0
        study.path.unlink()
    assert len(list((tmp_path / ".cells").iterdir())) == 1  # all of it in the last table again


def test_outdated_cells_are_let_go(done: Study, tmp_path: Path) -> None:
    new = {"random": "code of random", "fastv": "new"}
    Study(done.path, strategies={"random": 1}).write()  # a spare file holds the rest
    Study(done.path, groups=new).write()
    assert [path.name for path in (tmp_path / ".cells").iterdir()] == ["part-0.cells"]


def test_shards_find_each_others_cells(done: Study, tmp_path: Path) -> None:
    """Two shards where there was one, in either order, and one again."""
    halves = [Study(tmp_path / f"part-{number}.arrow", questions=QUESTIONS[number::2]) for number in (0, 1)]
    for half in halves:
        assert half.write() == 0
        assert tables.read(half.path, "sweep")["question_id"].unique().sort().to_list() == half.questions
    assert len(list((tmp_path / ".cells").iterdir())) == 2
    whole = Study(done.path)
    whole.path.unlink()
    assert whole.write() == 0 and whole.bytes() == anew(tmp_path)


def test_other_shards_files_are_told_by_their_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their rows may be gigabytes: they are not read."""
    halves = [Study(tmp_path / f"part-{number}.arrow", questions=QUESTIONS[number::2]) for number in (0, 1)]
    halves[0].write()
    opened = []
    real = resumable.read_arrow
    monkeypatch.setattr(resumable, "read_arrow", lambda file, name: opened.append(file.name) or real(file, name))
    halves[1].write()
    assert opened and not any(name.startswith("part-0") for name in opened)


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0", None], ids=["empty", "truncated", "of another table"])
def test_a_spoilt_chunk_is_computed_again(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "part-0.arrow"
    interrupt(path)
    chunk = sorted((tmp_path / ".cells").iterdir())[0]
    if content is None:
        tables.write(chunk, "horizon", [], {})
    else:
        chunk.write_bytes(content)
    study = Study(path)
    assert study.write() == (50 - 16) * 12 and study.bytes() == anew(tmp_path)


def test_cells_from_before_a_column_was_added_are_computed_again(done: Study, tmp_path: Path) -> None:
    """As after an update of this library: the code's digest may be the same, the columns are not."""
    (file,) = (tmp_path / ".cells").iterdir()
    with pa.ipc.open_file(file) as old:
        table = old.read_all().drop_columns(["tokens"])
    with pa.ipc.new_file(file, table.schema) as sink:
        sink.write_table(table)
    assert done.write() == 50 * 12 and done.bytes() == anew(tmp_path)


def test_another_job_on_the_same_table_may_finish_first(tmp_path: Path) -> None:
    """As when snakemake is killed, its job lives on, and snakemake is started again."""
    path = tmp_path / "part-0.arrow"
    interrupt(path)
    slow, compute = Study(path), Study.compute

    def overtaken(question: str, missing: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if question == "q40":
            Study(path).write()
        return compute(slow, question, missing)

    slow.compute = overtaken
    slow.write()
    assert slow.bytes() == anew(tmp_path)
    assert [file.name for file in (tmp_path / ".cells").iterdir()] == ["part-0.cells"]


def test_without_hard_links_a_copy_keeps_the_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", refused)
    study = Study(tmp_path / "part-0.arrow")
    study.write()
    study.path.unlink()
    assert study.write() == 0


def test_no_questions_make_an_empty_table(tmp_path: Path) -> None:
    study = Study(tmp_path / "part-0.arrow", questions=[])
    assert study.write() == 0 and tables.read(study.path, "sweep").height == 0


def test_a_cell_without_a_row_is_an_error(tmp_path: Path) -> None:
    study = Study(tmp_path / "part-0.arrow")
    study.compute = lambda question, missing: Study.compute(study, question, missing[1:])
    with pytest.raises(UserError, match="table 'sweep': no row was computed for"):
        study.write()


def test_scores_are_filled_at_every_write(done: Study) -> None:
    def scored(table):
        column = table.schema.get_field_index("score")
        return table.set_column(column, table.schema.field("score"), [[1.0] * table.num_rows])

    done.computed.clear()
    fill(done.path, done.cells(), done.compute, lambda: METADATA, finish=scored)
    assert tables.read(done.path, "sweep")["score"].unique().to_list() == [1.0] and not done.computed


def test_progress_counts_only_what_is_missing(tmp_path: Path) -> None:
    interrupt(tmp_path / "part-0.arrow")
    study, totals = Study(tmp_path / "part-0.arrow"), []
    fill(
        study.path, study.cells(), study.compute, lambda: METADATA,
        progress=lambda items, total: totals.append(total) or iter(items),
    )  # fmt: skip
    assert totals == [18]
