"""schedule.json: what is written is read back, and what is wrong is one sentence."""

import json
from pathlib import Path

import pytest

from infohorizon.errors import UserError
from infohorizon.strategies.schedule import Schedule, Stage, configured, from_json, read, write

WHOLE = {
    "version": 1,
    "stages": [
        {"layer": 2, "strategy": "fastv", "keep": 0.5},
        {"layer": 5, "strategy": "random", "options": {"block": 2}, "keep": 64},
        {"layer": 6, "strategy": "drop-all", "keep": 0},
    ],
    "positions": "original",
    "model": {"source": "org/model", "revision": "abc", "depth": 8},
    "protocol": {"name": "paper", "max_new_tokens": 16},
    "evidence": {"questions": 1000, "metric": {"drop": 0.01}},
}


def test_a_file_holds_what_the_guide_shows(tmp_path: Path) -> None:
    file = tmp_path / "schedule.json"
    file.write_text(json.dumps(WHOLE))
    schedule = read(file)
    assert schedule.stages[1] == Stage(5, "random", 64, {"block": 2})
    assert (schedule.source, schedule.revision, schedule.depth) == ("org/model", "abc", 8)
    assert schedule.stages[1].create().block == 2 and schedule.stages[1].create().name == "random"
    write(file, schedule)
    assert json.loads(file.read_text()) == WHOLE
    assert read(file) == schedule


def test_stages_may_be_plain_tuples() -> None:
    schedule = Schedule([(1, "fastv", 0.5), (3, "drop-all", 0)])
    assert schedule.stages == (Stage(1, "fastv", 0.5), Stage(3, "drop-all", 0))
    assert from_json(schedule.to_json()) == schedule


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 2}, "version: 2 is not valid; it must be 1, the only version there is."),
        ({"position": "original"}, "position is not a key of a schedule: did you mean 'positions'?"),
        ({"positions": "mine"}, "positions: 'mine' is not valid; it must be one of original, contiguous."),
        ({"stages": [{"layer": 1, "keep": 2}]}, "stages.0.strategy is missing."),
        (
            {"stages": [{"layer": 1, "strategy": "fastv", "keep": 1.0}]},
            "stages.0.keep: 1.0 is not valid; it must be a number of tokens from 0, or a fraction of the image's "
            "tokens between 0 and 1.",
        ),
        (
            {"stages": [{"layer": 1, "strategy": "fastw", "keep": 1}]},
            "There is no strategy 'fastw': did you mean 'fastv'?",
        ),
        (
            {"stages": [{"layer": 0, "strategy": "fastv", "keep": 1}]},
            "stages.0: strategy 'fastv' acts from layer 1 on.",
        ),
        (
            {"stages": [{"layer": 4, "strategy": "dart", "options": {"read": 0.5}, "keep": 1}], "model": {"depth": 8}},
            "stages.0: strategy 'dart' acts from layer 5 on.",
        ),
        (
            {"stages": [{"layer": 1, "strategy": "fastv", "keep": 0}]},
            "stages.0: strategy 'fastv' cannot keep 0 tokens; use drop-all, or keep 1.",
        ),
        (
            {"stages": [{"layer": 8, "strategy": "fastv", "keep": 1}]},
            "stages.0: there is no layer 8; the model has layers 0 to 7.",
        ),
        (
            {"stages": [{"layer": 2, "strategy": "random", "keep": 5}] * 2},
            "stages.1: layer 2 comes after layer 2; layers must ascend.",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(change: dict, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "schedule.json"
    file.write_text(json.dumps({**WHOLE, **change}))
    with pytest.raises(UserError) as caught:
        read(file)
    assert str(caught.value) == f"{file}: {sentence}"


def test_files_that_are_no_schedule(tmp_path: Path) -> None:
    file = tmp_path / "schedule.json"
    with pytest.raises(UserError, match="cannot be read"):
        read(file)
    file.write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        read(file)
    file.write_text("[]")
    with pytest.raises(UserError, match=r"a schedule: .* must be a dictionary"):
        read(file)


WHOLE_NUMBER, FROM_0 = "it must be a whole number.", "it must be at least 0."
KEEP = "it must be a number of tokens from 0, or a fraction of the image's tokens between 0 and 1."


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        *(
            ((2, "fastv", keep), f"stages.0.keep: {keep} is not valid; {KEEP}")
            for keep in (-1, True, -0.5, 0.0, 1.0, 1.5)
        ),
        ((2, "fastv", None), f"stages.0.keep: None is not valid; {KEEP}"),
        (
            (2, "fastv", float("nan")),
            "stages.0: strategy 'fastv' cannot keep nan tokens; use drop-all, or keep 1.",
        ),
        ((0.5, "random", 4), f"stages.0.layer: 0.5 is not valid; {WHOLE_NUMBER}"),
        ((2.0, "fastv", 4), f"stages.0.layer: 2.0 is not valid; {WHOLE_NUMBER}"),
        ((True, "fastv", 4), f"stages.0.layer: True is not valid; {WHOLE_NUMBER}"),
        ((-1, "random", 4), f"stages.0.layer: -1 is not valid; {FROM_0}"),
    ],
)
def test_a_schedule_made_in_python_is_checked_as_a_file_is(stage: tuple, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        Schedule([stage])
    assert str(caught.value) == sentence
    with pytest.raises(UserError, match="positions: 'mine' is not valid"):
        Schedule([(2, "fastv", 4)], "mine")


def test_options_that_a_strategy_does_not_take() -> None:
    with pytest.raises(UserError, match=r"stage at layer 1: .*no option depth"):
        Schedule([(1, "fastv", 2, {"depth": 3})]).stages[0].create()


@pytest.mark.parametrize(
    ("stage", "elsewhere"),
    [
        (Stage(4, "fastv", 0.5), False),
        (Stage(4, "fastv", 0.5, {"read": 2}), True),
        (Stage(4, "transprune", 0.5), True),
        (Stage(4, "random", 0.5, {"match": "transprune"}), True),
        (Stage(4, "random", 0.5, {"match": "dart"}), False),
    ],
)
def test_which_stages_read_other_layers(stage, elsewhere):
    assert stage.reads_elsewhere == elsewhere


def test_a_name_of_the_configuration_becomes_a_strategy_with_options(tmp_path: Path) -> None:
    own = {"spread": {"strategy": "random", "block": 4}, "mine": "path/to/mine.py"}
    assert configured(3, "spread", 0.5, own) == Stage(3, "random", 0.5, {"block": 4})
    assert configured(3, "mine", 8, own) == Stage(3, "path/to/mine.py", 8)
    assert configured(0, "divprune", 0.25, own) == Stage(0, "divprune", 0.25)
    chosen = Schedule([configured(3, "spread", 0.5, own)], "original", depth=8)
    write(tmp_path / "schedule.json", chosen)
    assert read(tmp_path / "schedule.json") == chosen
    assert chosen.stages[0].create().block == 4
