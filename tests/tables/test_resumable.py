"""Chunked writing: whatever is killed where, the resumed table has the bytes of an undisturbed one."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infohorizon import tables
from infohorizon.tables import resumable as chunks

ITEMS = [{"id": f"q{i}", "image": bytes([i])} for i in range(50)]
METADATA = {"stage": "answers", "code": "1"}
# A process that is killed for good at the moment named: `step` of the `number`th file that it writes.
KILLED = """
import os, signal, sys, test_chunks
from infohorizon import tables
step, number, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
real, calls = getattr(tables.os, step), []
def kill(*arguments):
    calls.append(1)
    return os.kill(os.getpid(), signal.SIGKILL) if len(calls) == number else real(*arguments)
setattr(tables.os, step, kill)
test_chunks.write(path)
"""


def answers(item: dict[str, Any]) -> list[dict[str, Any]]:
    row = {"question_id": item["id"], "answer": str(item["image"]), "score": 0.25, "label_probability": 0.1}
    return [row | {"condition": condition} for condition in ("full", "blind")]


def write(path: str | Path, compute: Callable = answers, **changes: Any) -> list[str]:
    """A chunked write in chunks of 16, 16, 16 and 2; ids of the items that were computed."""
    computed = []

    def counted(item: dict[str, Any]) -> list[dict[str, Any]]:
        computed.append(item["id"])
        return compute(item)

    chunks.write(path, "answers", **{"items": ITEMS, "compute": counted, "metadata": METADATA} | changes)
    return computed


def interrupt(path: Path, at: int = 40, **changes: Any) -> None:
    """Leave two chunks behind: the write fails at the 41st item."""

    def fail(item: dict[str, Any]) -> list[dict[str, Any]]:
        if item["id"] == f"q{at}":
            raise KeyboardInterrupt
        return answers(item)

    with pytest.raises(KeyboardInterrupt):
        write(path, fail, **changes)
    assert not path.exists()


@pytest.fixture
def undisturbed(tmp_path: Path) -> bytes:
    path = tmp_path / "undisturbed.arrow"
    assert len(write(path)) == len(ITEMS)
    return path.read_bytes()


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"undisturbed.arrow"}


@pytest.mark.parametrize(
    ("step", "number", "kept"),
    [("fsync", 1, 0), ("replace", 2, 1), ("fsync", 3, 2), ("replace", 4, 3), ("fsync", 5, 4), ("replace", 5, 4)],
)
def test_a_killed_write_goes_on_where_it_was(
    tmp_path: Path, undisturbed: bytes, step: str, number: int, kept: int
) -> None:
    path = tmp_path / "t.arrow"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", KILLED, step, str(number), str(path)], env=environment)
    assert killed.returncode == -9 and not path.exists()
    assert write(path) == [item["id"] for item in ITEMS[16 * kept :]]
    assert path.read_bytes() == undisturbed
    assert {name for name in left(tmp_path) if not name.endswith(".tmp")} == {"t.arrow"}


def test_nothing_is_left_beside_the_table(tmp_path: Path, undisturbed: bytes) -> None:
    interrupt(tmp_path / "t.arrow")
    assert left(tmp_path) == {"t.arrow.chunks"}
    write(tmp_path / "t.arrow")
    assert left(tmp_path) == {"t.arrow"} and (tmp_path / "t.arrow").read_bytes() == undisturbed


@pytest.mark.parametrize(
    "before",
    [
        {"metadata": METADATA | {"code": "2"}},
        {"items": ITEMS[1:]},
        {"items": [item | {"image": b"another"} for item in ITEMS]},
        {"size": 8},
    ],
    ids=["metadata", "questions", "images", "size"],
)
def test_chunks_of_anything_else_are_discarded(tmp_path: Path, undisturbed: bytes, before: dict) -> None:
    interrupt(tmp_path / "t.arrow", **before)
    assert len(write(tmp_path / "t.arrow")) == len(ITEMS)
    assert (tmp_path / "t.arrow").read_bytes() == undisturbed


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0", None], ids=["empty", "truncated", "of another table"])
def test_a_spoilt_chunk_is_computed_again(tmp_path: Path, undisturbed: bytes, content: bytes | None) -> None:
    path = tmp_path / "t.arrow"
    interrupt(path)
    chunk = path.with_name("t.arrow.chunks") / "000000.arrow"
    if content is None:
        tables.write(chunk, "horizon", [], {})
    else:
        chunk.write_bytes(content)
    assert write(path) == [item["id"] for item in ITEMS[:16] + ITEMS[32:]]
    assert path.read_bytes() == undisturbed


def test_another_job_on_the_same_table_may_finish_first(tmp_path: Path, undisturbed: bytes) -> None:
    """As when snakemake is killed, its job lives on, and snakemake is started again."""
    path = tmp_path / "t.arrow"
    interrupt(path)

    def overtaken(item: dict[str, Any]) -> list[dict[str, Any]]:
        if item["id"] == "q40":
            write(path)
        return answers(item)

    write(path, overtaken)
    assert path.read_bytes() == undisturbed and left(tmp_path) == {"t.arrow"}


def test_several_tables_of_one_job(tmp_path: Path) -> None:
    outputs = {condition: tmp_path / condition / "part-0.arrow" for condition in ("full", "blind")}
    several = {"output": outputs, "name": "answers", "items": ITEMS, "metadata": METADATA, "by": "condition"}
    chunks.write(compute=answers, **several)
    for condition, path in outputs.items():
        expected = [row for item in ITEMS for row in answers(item) if row["condition"] == condition]
        assert tables.read(path, "answers").to_dicts() == expected


def test_no_items_make_an_empty_table(tmp_path: Path) -> None:
    assert write(tmp_path / "t.arrow", items=[]) == []
    assert tables.read(tmp_path / "t.arrow", "answers").height == 0


def test_progress_counts_only_what_is_missing(tmp_path: Path) -> None:
    interrupt(tmp_path / "t.arrow")
    totals = []
    write(tmp_path / "t.arrow", progress=lambda items, total: totals.append(total) or items)
    assert totals == [18]
