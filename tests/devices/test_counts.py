"""How often kernels start and how often the host waits, for one question: bounds that no sweep setting raises.

A wait idles the GPU, a launch costs the host microseconds. Neither may grow with how many tokens are kept, at how many
layers or for how many windows a question is asked, beyond the decoder calls that these share.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from devices.ledger import Counts, counting
from devices.sides import LAYERS, NAMES, Side, sides_of
from infohorizon.engine import Greedy, Unfinished, decode, padded, resume
from infohorizon.measure import sweep
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.questioner import settled
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.measure.states import state_rows
from infohorizon.measure.sweep import run_sweep, settings_of

BEFORE = 6
"""Waits of a question before its first call: token ids, features and positions go to the device, finiteness is read."""

A_CALL = 4
"""Waits of a call: kept sets go to the device; finiteness and probabilities are read back. Decoding: see DECODING."""

DECODING = 2
"""Waits of an answer beside one for each step: stop tokens go to the device, answers are read back."""

A_LAYER = 16
"""Launches that a further layer of a call costs: its rows join, and what is kept is looked up for each layer."""

WAITS_OF_A_LAYER = {
    "dart": 1, "entropyprune": 1, "information": 1, "divprune-faithful": 1, "feather-grid": 1, "random-as-dart": 2,
}  # fmt: skip
"""What a strategy's own code reads back or copies at each layer: DART's pivots (the authors' order is that of a Python
set), eigenvalues' convergence, the oracle's scores, and how many tokens there are where keep does not say."""

WAITS_OF_A_KEEP = {"visionzip": 4, "vscan": 2, "vscan-equal": 2, "pool": 1, "feather-grid": 1, "random-as-dart": 1}
"""What is made on the CPU from the image alone and goes to the device for each keep, for all layers."""

LAUNCHES_OF_A_PICK = {
    "divprune": 5, "divprune-faithful": 4, "read-elsewhere": 5, "cdpruner": 20, "cdpruner-contrib": 20, "scope": 10,
    "scope-add": 10, "apet": 10,
}  # fmt: skip
"""Greedy strategies start a few kernels for each token that they pick."""


@pytest.fixture(scope="module", params=["llava", "qwen2_5_vl"])
def side(request, tmp_path_factory) -> Side:
    """One side in float32, all of whose layers have run."""
    found = sides_of(request.param, "float32", tmp_path_factory.mktemp(request.param))[0]
    found.trace.final()
    return found


def count(call: Callable[[], Any]) -> Counts:
    with counting() as counts:
        call()
    return counts


def information(side: Side, layers: Sequence[int], windows: Sequence[int], **measurement: Any) -> Counts:
    batch = side.questioner.batch
    return count(lambda: token_information(side.model, side.asked, layers, batch, Measurement(**measurement), windows))


@pytest.mark.parametrize("context", ["text", "image"])
@pytest.mark.parametrize("removal", ["delete", "mean"])
def test_information_waits_for_its_calls_alone(side, removal, context):
    """Two calls: with windows, all of one size, and without any token; what changes is rows."""
    how = {"removal": removal, "context": context}
    few, windows, layers = (
        information(side, [0], [0], **how),
        information(side, [0], [0, 1], **how),
        information(side, [0, 1, 2, 3], [0], **how),
    )
    assert few.waits == windows.waits == layers.waits <= BEFORE + 2 * A_CALL
    assert windows.launches == few.launches
    assert layers.launches <= few.launches + 2 * 3 * A_LAYER


def test_removals_wait_for_their_calls_and_steps_alone(side):
    def cells(layers):
        return count(lambda: run_removals(side.questioner, side.asked, [Cell("zero", layer) for layer in layers]))

    few, many = cells([0]), cells([0, 1, 2, 3])
    assert few.waits == many.waits <= BEFORE + A_CALL + 1 + DECODING + side.questioner.limit  # 1: divergences
    steps = side.questioner.limit - 1
    assert many.launches <= few.launches + 3 * A_LAYER + steps * LAYERS * 3 * 20  # rows of later layers step apart


def test_states_wait_for_eigenvalues_alone(side):
    few, many = (count(lambda layers=layers: state_rows(side.trace, layers)) for layers in ([1], [1, 2, 3]))
    assert many.waits - few.waits <= 2 * 2  # two decompositions a layer say whether they converged
    assert few.waits <= 3


def choosing(side: Side, name: str, layers: Sequence[int], keeps: Sequence[int]) -> Counts:
    """Choosing tokens under all settings, as a sweep does."""
    strategy = side.strategies([name])[name]
    settings, notes = settings_of(strategy, layers, keeps, 1), {}

    def choose():
        return settled(
            [side.questioner.choice(side.trace, side.asked, {name: strategy}, one, notes) for one in settings]
        )

    return count(choose)


@pytest.mark.parametrize("name", NAMES)
def test_choosing_does_not_wait_for_each_token_layer_and_keep(side, name):
    few, more = choosing(side, name, [1], [5]), choosing(side, name, [1], [12])
    layers, keeps = choosing(side, name, [1, 2, 3], [12]), choosing(side, name, [1], [12, 8, 5])
    assert few.waits == more.waits <= 9
    assert layers.waits <= more.waits + 2 * WAITS_OF_A_LAYER.get(name, 0)
    assert keeps.waits <= more.waits + 2 * WAITS_OF_A_KEEP.get(name, 0)
    assert more.launches <= few.launches + 7 * LAUNCHES_OF_A_PICK.get(name, 2)


def test_a_sweep_waits_for_its_calls_and_steps_alone(side, monkeypatch):
    """Settings of one size share a call; so many layers and repeats as one likes."""
    calls = []

    def counted(*arguments, **options):
        calls.append(1)
        return resume(*arguments, **options)

    monkeypatch.setattr(sweep, "resume", counted)
    used = side.strategies(["random", "divprune", "fastv"])

    def swept(layers, keeps):
        calls.clear()
        plan = [setting for one in used.values() for setting in settings_of(one, layers, keeps, 3)]
        counts = count(lambda: run_sweep(side.questioner, side.trace, side.asked, used, plan))
        return counts, len(calls)

    bound = A_CALL + DECODING + side.questioner.limit
    few, one = swept([1], [4])
    layers, two = swept([1, 2, 3], [4])
    keeps, three = swept([1, 2, 3], [4, 6, 9])
    assert (one, two, three) == (1, 1, 3)
    assert few.waits == layers.waits <= 1 + bound and keeps.waits <= 1 + 3 * bound


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_decoding_waits_once_a_step(side, penalty):
    """However many layers, rows and rows that end there are."""
    model, ids = side.model.language_model, side.model.token_ids(side.asked.question)

    def decoded(layers: list[int]) -> int:
        kept = torch.stack([torch.arange(6) + row for row in range(len(layers))])
        ended = {row[1] for row in decode(model, resume(side.trace, layers, kept), 2, [])[::2]}
        branches, answers = resume(side.trace, layers, kept), []
        choose = Greedy(ids, penalty)
        waits = count(lambda: answers.extend(decode(model, branches, 4, list(ended), choose))).waits
        assert penalty != 1.0 or min(map(len, answers)) == 1  # some rows end at the first step
        return waits

    steps = 3 * 2  # which rows go on is read; where some end, the others' indices go to the device
    assert max(decoded([1, 1]), decoded([0, 1, 1, 2, 2, 3])) <= DECODING + steps + (penalty != 1.0)


@pytest.mark.parametrize("least", [padded.LEAST_SAVED, 1])
def test_answers_that_wait_for_each_other_wait_once_a_step(side, least, monkeypatch):
    """For the host, however many rows, calls, layers and buckets there are."""
    monkeypatch.setattr(padded, "LEAST_SAVED", least)
    model, batch = side.model.language_model, side.questioner.batch

    def decoded(calls: list[list[int]]) -> int:
        waiting, found = Unfinished(model, batch, 4, []), []
        for layers in calls:
            kept = torch.stack([torch.arange(6) + row for row in range(len(layers))])
            found += decode(model, resume(side.trace, layers, kept), 4, [], unfinished=waiting)
        counts = count(waiting.finish)
        assert [len(answer) for answer in found] == [4] * sum(map(len, calls))
        return counts.waits

    before = 2  # lengths and last tokens go to the device
    assert max(decoded([[1]]), decoded([[0, 1, 1], [2], [2, 3, 3]])) <= before + 3
