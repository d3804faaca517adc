"""A user's own kept sets: what a file may hold, what is refused, and answers that equal those of who made the sets."""

from types import SimpleNamespace

import polars as pl
import pytest
import torch

from infohorizon import strategies
from infohorizon.engine import Batch
from infohorizon.errors import UserError
from infohorizon.measure.questioner import Asked, Questioner, Setting
from infohorizon.measure.schedules import Stage, run_schedule
from infohorizon.measure.sweep import run_sweep, settings_of

SETS = {"question_id": ["a", "b"], "kept": [[3, 1], [0]]}


def write(tmp_path, columns, name="sets.parquet"):
    frame, path = pl.DataFrame(columns), tmp_path / name
    frame.write_ipc(path) if name.endswith("arrow") else frame.write_parquet(path)
    return str(path)


def made(file, **options):
    return strategies.create("mine", {"mine": {"strategy": "kept", "file": file, **options}})


def view(question_id="a", layer=2, amount=0.5, repeat=0, present=range(5)):
    place = {"question_id": question_id, "layer": layer, "amount": amount, "repeat": repeat}
    noted = lambda key, make: make()  # noqa: E731
    return SimpleNamespace(**place, present=torch.tensor(list(present)), noted=noted)


@pytest.mark.parametrize("name", ["sets.parquet", "sets.arrow"])
def test_sets_are_sorted_and_hold_at_every_layer_and_keep(tmp_path, name):
    mine = made(write(tmp_path, SETS, name))
    assert mine.select(view(), 1).kept.tolist() == mine.select(view(layer=7, amount=4), 4).kept.tolist() == [1, 3]
    assert not mine.random


def test_columns_choose_and_a_strategy_is_chosen_by_name(tmp_path):
    rows = [("a", s, l, k, r, [i]) for i, (s, l, k, r) in enumerate(
        (s, l, k, r) for s in ("x", "y") for l in (1, 2) for k in (0.5, 4.0) for r in (0, 1)
    )]  # fmt: skip
    columns = ["question_id", "strategy", "layer", "keep", "repeat", "kept"]
    file = write(tmp_path, dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
    mine = made(file, name="y")
    assert mine.random
    for question, strategy, layer, keep, repeat, kept in rows:
        if strategy == "y":
            at = view(question, layer, keep, repeat, range(20))
            assert mine.select(at, 1).kept.tolist() == kept
    with pytest.raises(UserError, match="holds the sets of x, y: say which with `name`"):
        made(file)
    with pytest.raises(UserError, match="holds no sets of 'z', but of x, y"):
        made(file, name="z")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({**SETS, "kept": [[1, 1], [0]]}, r"question a: a token is kept twice\."),
        ({**SETS, "kept": [[-1], [0]]}, r"question a: `kept` must hold whole numbers from 0 on"),
        ({**SETS, "kept": [None, [0]]}, r"question a: `kept` must hold whole numbers from 0 on"),
        ({**SETS, "question_id": ["a", "a"]}, r"question a: there are two sets; each place needs one"),
        ({**SETS, "question_id": ["a", "a"], "layer": [2, 2]}, r"question a, layer 2: there are two sets"),
        ({"question_id": ["a"]}, r"lacks the column kept; it has question_id\."),
        ({**SETS, "kept": ["1", "0"]}, r"column kept holds String where List\(Int64\) is expected"),
        ({**SETS, "layer": ["x", "y"]}, r"column layer holds String where Int64 is expected"),
    ],
)
def test_faults_of_a_file(tmp_path, columns, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        made(write(tmp_path, columns))
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"sets\.parquet does not exist: give a Parquet or Arrow file"):
        made(str(tmp_path / "sets.parquet"))
    (tmp_path / "sets.parquet").write_text("no table")
    with pytest.raises(UserError, match=r"sets\.parquet cannot be read as \.parquet"):
        made(str(tmp_path / "sets.parquet"))
    with pytest.raises(UserError, match="strategies: kept: give it a file, as in"):
        strategies.create("kept")


def test_what_a_file_lacks_for_a_study_is_listed(tmp_path):
    mine = made(write(tmp_path, {**SETS, "layer": [1, 1]}))
    cells = [(1, 0.5, 0), (1, 4.0, 0), (3, 0.5, 0)]
    assert mine.faults({"a": 4, "b": 1}, cells[:2]) == []
    found = mine.faults({"a": 3, "b": 1, "c": 3}, cells)
    assert [fault.split("sets.parquet")[1] for fault in found] == [
        " has no set for question c, layer 1",
        " has no set for question a, layer 3",
        " has no set for question b, layer 3",
        " has no set for question c, layer 3",
        ": question a keeps token 3, but its image has 3 (0 to 2)",
    ]
    whole = made(write(tmp_path, SETS, "whole.parquet"))
    assert whole.faults({"a": 4, "c": 1}, []) == []
    assert len(whole.faults({"a": 4, "c": 1}, cells)) == 1


def test_a_token_that_left_at_an_earlier_stage_is_named(tmp_path):
    mine = made(write(tmp_path, SETS))
    assert mine.select(view(present=[1, 3, 4]), 1).kept.tolist() == [0, 1]
    with pytest.raises(UserError, match="token 3 of question a at layer 2 is not there"):
        mine.select(view(present=[0, 1, 2]), 1)


def test_sets_of_another_strategy_give_its_answers(case, tmp_path):
    asked = Asked("q", case.question, "yes", case.encoded)
    questioner = Questioner(case.model, Batch(3, 1, torch.device("cpu")), 5)
    used = {name: strategies.create(name) for name in ("divprune", "random")}
    settings = [one for name in used for one in settings_of(used[name], [1, 3], [2, 0.5], 2)]
    rows = run_sweep(questioner, questioner.trace(asked), asked, used, settings)
    frame = pl.DataFrame(rows).with_columns(question_id=pl.lit("q"))
    file = write(tmp_path, frame.to_dict(as_series=False))
    twins = {name: made(file, name=name) for name in used}
    again = run_sweep(questioner, questioner.trace(asked), asked, twins, settings)
    assert again == rows
    for name, twin in twins.items():
        own = [Setting("mine", one.layer, one.keep, one.repeat) for one in settings if one.strategy == name]
        assert len(own) == len(settings_of(twin, [1, 3], [2, 0.5], 2))


def test_sets_serve_as_a_stage_of_a_schedule_whatever_keep_says(case, tmp_path):
    asked = Asked("a", case.question, "yes", case.encoded)
    questioner = Questioner(case.model, Batch(3, 1, torch.device("cpu")), 5)
    used = {"mine": made(write(tmp_path, SETS)), "drop-all": strategies.create("drop-all")}
    plan = [Stage(1, "mine", 10_000), Stage(3, "drop-all", 0)]
    row = run_schedule(questioner, questioner.trace(asked), asked, plan, used)
    assert row["kept"] == [[1, 3], []]
