"""A table's place is read back from its path, in any results folder; another path is one sentence."""

import pytest

from infohorizon.errors import UserError
from infohorizon.tables import TABLES, matching, place

WILDCARDS = {
    "model": "mini-llava",
    "benchmark": "own.vqa_2",
    "strategies": "fast+slow",
    "schedule": "a-1",
    "shard": "12",
}


@pytest.mark.parametrize("folder", ["", "results/", "/data/my runs/results/mini-llava/answers/", "./results/smoke/"])
@pytest.mark.parametrize("name", TABLES)
def test_place_is_the_inverse_of_the_path(name: str, folder: str) -> None:
    path = folder + TABLES[name].path.format(**WILDCARDS)
    expected = {key: value for key, value in WILDCARDS.items() if f"{{{key}}}" in TABLES[name].path}
    assert place(path, name) == expected


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("answers/mini/part-0.arrow", "answers"),
        ("information/mini/vqa/part-0.arrow", "answers"),
        ("answers/mini/vqa/part-0.arrow.tmp", "answers"),
        ("myanswers/mini/vqa/part-0.arrow", "answers"),
        ("answers/mini/vqa/part-0xarrow", "answers"),
    ],
)
def test_a_path_of_something_else_is_named(path: str, name: str) -> None:
    with pytest.raises(UserError, match=f"{path} is not where a table '{name}' belongs.*part-{{shard}}.arrow"):
        place(path, name)


def test_matching_keeps_the_order() -> None:
    paths = [
        f"r/answers/{model}/{benchmark}/part-{shard}.arrow" for model in "ba" for benchmark in "xy" for shard in "10"
    ]
    chosen = matching(paths, "answers", model="a", benchmark="x")
    assert chosen == ["r/answers/a/x/part-1.arrow", "r/answers/a/x/part-0.arrow"]
    assert matching(paths, "answers") == paths
    assert matching(paths, "answers", model="c") == []
