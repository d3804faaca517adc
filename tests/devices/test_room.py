"""Memory runs out on the accelerator: smaller batches, or the same row once more; and the same numbers."""

import re

import numpy as np
import pytest
from PIL import Image

from devices.ledger import memory, room
from devices.sides import Side, same
from infohorizon.engine import Batch
from infohorizon.errors import UserError
from infohorizon.measure.information import token_information
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.measure.schedules import Stage, run_schedule
from infohorizon.measure.sweep import run_sweep, settings_of

STAGES = [Stage(1, "visionzip", 9), Stage(2, "random", 5)]


def information(side: Side, questioner: Questioner, asked: Asked) -> object:
    return token_information(side.model, asked, [0, 1, 3], questioner.batch)


def removals(side: Side, questioner: Questioner, asked: Asked) -> object:
    return run_removals(questioner, asked, [Cell("zero", layer) for layer in (1, 1, 1, 1, 3, 3)])


def sweep(side: Side, questioner: Questioner, asked: Asked) -> object:
    used = side.strategies(["random"])
    plan = settings_of(used["random"], [1], [12], 8)
    return run_sweep(questioner, questioner.trace(asked), asked, used, plan)


def full(side: Side, questioner: Questioner, asked: Asked) -> object:
    return questioner.answer(questioner.trace(asked), asked)


def blind(side: Side, questioner: Questioner, asked: Asked) -> object:
    return questioner.blind(questioner.trace(asked), asked)


def worth(side: Side, questioner: Questioner, asked: Asked) -> object:
    return questioner.worth(questioner.trace(asked), asked)


def schedule(side: Side, questioner: Questioner, asked: Asked) -> object:
    used = side.strategies(["visionzip", "random"])
    return run_schedule(questioner, questioner.trace(asked), asked, STAGES, used)


def vision(side: Side, questioner: Questioner, asked: Asked) -> object:
    images = [Image.fromarray(np.full((40, 40, 3), value, dtype=np.uint8)) for value in (10, 60, 120, 250, 90, 30)]
    return [one.features.cpu().flatten().tolist() for one in side.model.encoded(images, questioner.batch)]


BATCHED, SINGLE = [information, removals, sweep, vision], [full, blind, worth, schedule]


def ask(side: Side, stage, rows: int = 64) -> object:
    """A stage with a batch of its own, which remembers what did not fit."""
    return stage(side, Questioner(side.model, Batch(rows, 1, side.model.device), 3), side.asked)


def needed(side: Side, stage, rows: int = 64) -> int:
    """Bytes that a stage takes at most, beside what was held before."""
    with room(float("inf")) as seen:
        before = seen.bytes
        ask(side, stage, rows)
    return seen.peak - before


@pytest.mark.parametrize("stage", BATCHED, ids=lambda stage: stage.__name__)
def test_a_batch_that_does_not_fit_is_halved(llava, stage):
    whole, single = needed(llava, stage), needed(llava, stage, rows=1)
    assert single < 0.7 * whole
    expected = ask(llava, stage)
    with room(0.8 * single + 0.2 * whole) as seen:
        found = ask(llava, stage)
    assert seen.failures > 0 and same(expected, found, 1e-5)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("stage", SINGLE, ids=lambda stage: stage.__name__)
def test_a_row_that_did_not_fit_is_tried_again(llava, stage, share):
    """What took the memory is gone the second time; the unpruned run resumes where it stopped."""
    expected = ask(llava, stage)
    with room(share * needed(llava, stage), failures=1) as seen:
        found = ask(llava, stage)
    assert seen.failures == 1 and same(expected, found, 1e-6)


@pytest.mark.parametrize("share", [0.1, 0.3])
@pytest.mark.parametrize("stage", [information, removals, sweep], ids=lambda stage: stage.__name__)
def test_the_prefill_is_tried_again(llava, stage, share):
    expected = ask(llava, stage)
    with room(share * needed(llava, full), failures=1) as seen:
        found = ask(llava, stage)
    assert seen.failures == 1 and same(expected, found, 1e-5)


@pytest.mark.parametrize("stage", [*BATCHED, *SINGLE], ids=lambda stage: stage.__name__)
def test_what_never_fits_is_one_sentence(llava, stage):
    with room(0.3 * needed(llava, stage, rows=1)), pytest.raises(UserError) as caught:
        ask(llava, stage)
    assert re.fullmatch(r"one row of \d+ tokens does not fit into memory: .*\.", str(caught.value))


def test_nothing_is_held_afterwards(llava):
    before = memory.bytes
    ask(llava, sweep)
    assert memory.bytes == before
