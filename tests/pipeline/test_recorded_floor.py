"""A rounding floor is measured once: what the last complete table records is used while it is of the same things."""

from pathlib import Path

import pytest

from infohorizon import tables
from infohorizon.pipeline.rounding import recorded_floor
from infohorizon.tables.resumable import finished

GROUPS, ITEMS, LAYERS = {"": "code"}, {"q1": "a", "q2": "b"}, [1, 2]
FLOOR = {"questions": ["q1", "q2"], "layers": LAYERS, "rms": [0.1, 0.2]}


def write(output: Path, floor=FLOOR, groups=GROUPS, items=ITEMS) -> str:
    cells = {"groups": groups, "items": {**items, "q3": "c"}}
    metadata = {"rounding_floor": floor} if floor else {}
    tables.write(output.parent / ".cells" / f"{output.stem}.cells", "information", [], metadata, cells)
    return str(output)


def test_a_floor_of_the_same_things_is_used_again(tmp_path):
    output = write(tmp_path / "part-0.arrow")
    assert finished(output) is not None
    assert recorded_floor(output, GROUPS, ITEMS, LAYERS) == FLOOR


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": {"": "other code"}},
        {"items": {"q1": "a", "q2": "edited"}},
        {"floor": None},
        {"floor": {**FLOOR, "layers": [1]}},
        {"floor": {**FLOOR, "questions": ["q1"]}},
    ],
)
def test_a_floor_of_other_things_is_not(tmp_path, changes):
    assert recorded_floor(write(tmp_path / "part-0.arrow", **changes), GROUPS, ITEMS, LAYERS) is None


def test_without_a_table_before_there_is_none(tmp_path):
    assert recorded_floor(str(tmp_path / "part-0.arrow"), GROUPS, ITEMS, LAYERS) is None
