"""Tables: equal input gives equal bytes, a failed write leaves nothing, a bad file is named with what to do."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from infohorizon import tables
from infohorizon.errors import UserError
from infohorizon.tables import schemas

ROW = {"question_id": "q1", "condition": "full", "answer": "yes", "score": 1.0, "label_probability": 0.5}
ROW |= {"other_spelling": False, "answer_probability": 0.25, "divergence": 0.0}
ROWS = [ROW | {"question_id": f"q{i}", "label_probability": i / 7} for i in range(50)]
METADATA = {"stage": "answers", "packages": {"torch": "2", "numpy": "2"}, "code": "ab"}


def vision_row(kind: type) -> dict:
    array = np.arange(4, dtype=kind)
    sizes = {"grid_height": 1, "grid_width": 2, "frame": [0.0, 0.0, 2.0, 1.0], "feature_width": 2, "key_width": 2}
    attention = dict.fromkeys(("saliency", "early_saliency", "received", "middle_received"), np.ones(2, np.float32))
    return {"image_id": "a", "features": array, "keys": array} | attention | sizes


def test_round_trip(tmp_path: Path) -> None:
    tables.write(tmp_path / "new/t.arrow", "answers", ROWS, METADATA)
    assert tables.read(tmp_path / "new/t.arrow", "answers").to_dicts() == ROWS
    assert tables.read_metadata(tmp_path / "new/t.arrow") == METADATA
    assert pl.read_ipc(tmp_path / "new/t.arrow").height == len(ROWS)


def test_equal_rows_give_equal_bytes_in_every_process(tmp_path: Path) -> None:
    tables.write(tmp_path / "a.arrow", "answers", ROWS, METADATA)
    code = (
        "import test_tables as t; from infohorizon import tables;"
        "tables.write('b.arrow', 'answers', t.ROWS, dict(reversed(t.METADATA.items())))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "a.arrow").read_bytes() == (tmp_path / "b.arrow").read_bytes()


def test_chunked_input_does_not_show_in_the_bytes(tmp_path: Path) -> None:
    parts = [tables.from_rows("answers", ROWS[:20]), tables.from_rows("answers", ROWS[20:])]
    tables.write(tmp_path / "a.arrow", "answers", ROWS, METADATA)
    tables.write(tmp_path / "b.arrow", "answers", pa.concat_tables(parts), METADATA)
    assert (tmp_path / "a.arrow").read_bytes() == (tmp_path / "b.arrow").read_bytes()


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_features_keep_their_precision_on_disk(tmp_path: Path, kind: type) -> None:
    tables.write(tmp_path / "t.arrow", "vision", [vision_row(kind)], {})
    table = tables.read_arrow(tmp_path / "t.arrow", "vision")
    expected = pa.large_list(pa.from_numpy_dtype(np.dtype(kind)))
    assert [table.schema.field(name).type for name in ("features", "keys")] == [expected, expected]
    assert table["saliency"].type == pa.list_(pa.float32())
    np.testing.assert_array_equal(table["features"][0].values, np.arange(4))


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_lists_with_short_offsets_of_earlier_versions_are_read_as_todays(tmp_path: Path, kind: type) -> None:
    today = tables.from_rows("vision", [vision_row(kind)])
    for name in ("features", "keys"):
        short = today[name].cast(pa.list_(today[name].type.value_type))
        old = today.set_column(today.schema.get_field_index(name), name, short)
        tables.write(tmp_path / "t.arrow", "vision", old, METADATA)
        assert tables.read_arrow(tmp_path / "t.arrow", "vision").equals(today)
        assert pa.concat_tables([tables.read_arrow(tmp_path / "t.arrow", "vision"), today]).num_rows == 2


@pytest.mark.parametrize(
    ("name", "kept", "kind"),
    [
        ("sweep", [[1, 2], None], pa.list_(pa.int32())),
        ("schedules", [[[1, 2], [1]], None], pa.list_(pa.list_(pa.int32()))),
    ],
)
def test_kept_sets_of_earlier_versions_are_read_as_todays(
    tmp_path: Path, name: str, kept: list, kind: pa.DataType
) -> None:
    blank = dict.fromkeys(tables.TABLES[name].columns)
    today = tables.from_rows(name, [blank | {"kept": indices} for indices in kept])
    old = today.set_column(today.schema.get_field_index("kept"), "kept", today["kept"].cast(kind))
    tables.write(tmp_path / "t.arrow", name, old, METADATA)
    assert tables.read_arrow(tmp_path / "t.arrow", name).equals(today)
    assert today["kept"].type == schemas.large(kind)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_columns_are_read_in_the_order_asked_for(tmp_path: Path, kind: type) -> None:
    """Also beside half-precision features."""
    tables.write(tmp_path / "t.arrow", "vision", [vision_row(kind)], METADATA)
    read = tables.read([tmp_path / "t.arrow"] * 2, "vision", ["grid_width", "image_id"])
    assert read.rows() == [(2, "a")] * 2 and read.columns == ["grid_width", "image_id"]


def test_no_rows_still_make_a_table(tmp_path: Path) -> None:
    for name in tables.TABLES:
        tables.write(tmp_path / name, name, [], {})
        assert tables.read(tmp_path / name, name).height == 0


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_table_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: …")  # as Arrow has it

    tables.write(tmp_path / "t.arrow", "answers", ROWS[:1], METADATA)
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(UserError, match=r"t\.arrow could not be written: No space left on device"):
            tables.write(tmp_path / "t.arrow", "answers", ROWS, METADATA)
    assert [file.name for file in tmp_path.iterdir()] == ["t.arrow"]
    assert tables.read(tmp_path / "t.arrow", "answers").to_dicts() == ROWS[:1]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(2000))


def other_table(path: Path) -> None:
    tables.write(path, "vision", [vision_row(np.float32)], {})


def old_schema(path: Path) -> None:
    pl.DataFrame(ROWS).drop("label_probability", "divergence").write_ipc(path)


def old_type(path: Path) -> None:
    pl.DataFrame(ROWS).with_columns(pl.col("score").cast(pl.Float32)).write_ipc(path)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("columns", [None, ["question_id"]])
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (truncated, "is not a complete Arrow file"),
        (empty, "is not a complete Arrow file"),
        (foreign, "is not a complete Arrow file"),
        (other_table, "is not a table 'answers' of this version: its columns are image_id"),
        (old_schema, "expected question_id, condition, answer, score, label_probability"),
        (old_type, "column '.*' has type"),
        (Path.unlink, "does not exist"),
        (directory, "does not exist"),
    ],
)
def test_a_bad_file_is_named_with_what_to_do(tmp_path: Path, spoil, sentence: str, columns: list[str] | None) -> None:
    path = tmp_path / "t.arrow"
    tables.write(path, "answers", ROWS, METADATA)
    spoil(path)
    with pytest.raises(UserError, match=f"t.arrow.*{sentence}") as caught:
        tables.read(path, "answers", columns)
    assert "run" in str(caught.value) and "\n" not in str(caught.value)
