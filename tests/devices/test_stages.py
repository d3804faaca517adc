"""Every stage on the accelerator: no operation mixes devices, and results are the CPU's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText

from devices.accelerator import on_device
from devices.sides import LAYERS, NAMES, TOLERANCE, same
from infohorizon.measure.downsampling import downsample
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.questioner import Questioner
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.measure.schedules import Plan, Stage, repeats_of, run_schedules
from infohorizon.measure.states import state_rows
from infohorizon.measure.sweep import run_sweep, settings_of
from infohorizon.measure.verification import Verifier
from infohorizon.models.vision_table import ATTENTION, vision_row

MEASUREMENTS = [
    Measurement(),
    Measurement(context="image", positions="contiguous"),
    Measurement(removal="zero"),
    Measurement(removal="mean", context="image"),
    Measurement(removal="knockout"),
]
SCHEDULES = {
    "merging": Plan([Stage(1, "visionzip", 0.6), Stage(2, "vscan-decoder", 4)], "contiguous"),
    "selecting": Plan([Stage(0, "divprune", 0.6), Stage(2, "random", 0.3), Stage(3, "drop-all", 0)], "original"),
    "reading": Plan([Stage(1, "sparsevlm", 0.8), Stage(2, "transprune", 0.5), Stage(3, "dart", 0.4)], "original"),
}


def test_the_model_lives_on_the_accelerator(sides):
    model = sides[0].model
    tensors = [*model.model.parameters(), *model.model.buffers(), model.language_model.head.weight]
    assert all(map(on_device, tensors)) and not any(map(on_device, sides[1].model.model.parameters()))


def test_vision(sides):
    rows = [vision_row("x", side.model.encode([side.image])[0], True) for side in sides]
    for name in ("features", "keys", *ATTENTION):
        np.testing.assert_allclose(rows[0][name], rows[1][name], atol=TOLERANCE[sides[0].dtype], rtol=1e-2)


def test_answers(sides):
    found = []
    for side in sides:
        questioner, trace = side.questioner, side.questioner.trace(side.asked)
        conditions = [questioner.answer(trace, side.asked), questioner.blind(trace, side.asked)]
        found.append([conditions, questioner.worth(trace, side.asked)])
    assert same(*found, TOLERANCE[sides[0].dtype])


def test_answers_with_a_repetition_penalty(sides, monkeypatch):
    for side in sides:
        monkeypatch.setattr(side.model, "settings", {**side.model.settings, "repetition_penalty": 1.3})
    assert same(*(side.questioner.answer(side.trace, side.asked) for side in sides), TOLERANCE[sides[0].dtype])


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_answers_that_are_read_together(sides, penalty, monkeypatch):
    found = []
    for side in sides:
        monkeypatch.setattr(side.model, "settings", {**side.model.settings, "repetition_penalty": penalty})
        questioner = Questioner(side.model, side.questioner.batch, 5, together=True)
        asked = [side.asked, replace(side.asked, question_id="other", question=side.asked.question + " Is it so?")]
        traces = [questioner.trace(one) for one in asked]
        rows = [way(*one) for one in zip(traces, asked, strict=True) for way in (questioner.answer, questioner.blind)]
        rows += run_removals(questioner, side.asked, [Cell("text", 1), Cell("mean", 3)])
        found.append(questioner.read(rows))
    assert same(*found, TOLERANCE[sides[0].dtype])


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda one: f"{one.removal}-{one.context}")
def test_information(sides, measurement):
    found = [
        token_information(side.model, side.asked, [1, 3], side.questioner.batch, measurement, [0, 2, 3])
        for side in sides
    ]
    assert same(*found, TOLERANCE[sides[0].dtype])


def test_images_at_lower_resolution(sides):
    grid, found = sides[1].asked.encoded.grid, []
    for side in sides:
        smaller = downsample(side.model, side.image, grid, 0.5)
        asked = replace(side.asked, encoded=smaller.encoded)
        found.append([smaller.size, side.questioner.answer(side.questioner.trace(asked), asked)])
    assert same(*found, TOLERANCE[sides[0].dtype])


def test_removals(sides):
    cells = [Cell(removal, layer) for removal in ("delete", "zero", "mean", "text") for layer in (0, 1, 3)]
    found = [run_removals(side.questioner, side.asked, cells) for side in sides]
    assert same(*found, TOLERANCE[sides[0].dtype])


def test_states(sides):
    found = [state_rows(side.trace, range(LAYERS)) for side in sides]
    assert same(*found, TOLERANCE[sides[0].dtype])


@pytest.fixture(scope="module")
def swept(sides):
    """Strategy → its rows, on both sides, from one bracket of all strategies."""
    found = []
    for side in sides:
        used = side.strategies()
        plan = [setting for name in NAMES for setting in settings_of(used[name], [1, 3], [3, 0.6], 2)]
        rows = run_sweep(side.questioner, side.trace, side.asked, used, plan)
        found.append({name: [row for row in rows if row["strategy"] == name] for name in used})
    return found


@pytest.mark.parametrize("name", NAMES)
def test_sweep(sides, swept, name):
    here, there = (rows[name] for rows in swept)
    assert here and same(here, there, TOLERANCE[sides[0].dtype])


def test_strategies_before_the_decoder(sides):
    """At layer 0 merging strategies work on vision features."""
    names, found = ["visionzip", "vscan", "apet", "cdpruner", "pool", "stratified"], []
    for side in sides:
        used = side.strategies(names)
        plan = [setting for name in names for setting in settings_of(used[name], [0], [5], 1)]
        found.append(run_sweep(side.questioner, side.trace, side.asked, used, plan, "contiguous"))
    assert same(*found, TOLERANCE[sides[0].dtype])


def test_schedules(sides):
    found = []
    for side in sides:
        used = side.strategies(sorted({stage.strategy for plan in SCHEDULES.values() for stage in plan.stages}))
        runs = [(name, i) for name, plan in SCHEDULES.items() for i in range(repeats_of(plan.stages, used, 2))]
        found.append(run_schedules(side.questioner, side.asked, SCHEDULES, used, runs))
    assert same(*found, TOLERANCE[sides[0].dtype])


def test_verify(sides):
    """The reference on the accelerator differs from the rows of the CPU's engine by what it does on the CPU."""
    here, there = sides
    rows = {
        "information": token_information(there.model, there.asked, [1], there.questioner.batch, only=[2]),
        "removals": run_removals(there.questioner, there.asked, [Cell("mean", 2), Cell("text", 1)]),
    }
    settings, found = {"information": vars(Measurement()), "merging": []}, []
    asked = {"question_id": "q", "question": here.asked.question, "label": here.asked.label, "image_id": "x"}
    for side in sides:
        dtype = getattr(torch, side.dtype)
        reference = AutoModelForImageTextToText.from_pretrained(side.folder, dtype=dtype, attn_implementation="eager")
        verifier = Verifier(side.model, reference.to(side.model.device).eval(), 1, settings)
        for stage, own in rows.items():
            difference = verifier.compare(stage, [{**row, **asked} for row in own], {"x": side.image})
            found.append(difference.largest_difference)
    assert same(found[:2], found[2:], TOLERANCE[here.dtype])
    assert here.dtype != "float32" or max(found) < 1e-4
