"""Rows that ended leave the batch: answers stay what they are, and one long answer costs its own steps alone."""

import pytest
import torch

from infohorizon.engine import Greedy, decode, decoding, prefill, resume
from infohorizon.engine.layers import run_layer

LIMIT = 12


def rows_of(case):
    """Rows of several layers and kept sets, two of them not joined before the last layer."""
    trace = prefill(case.model.language_model, case.model.prompt(case.question, case.encoded))
    layers = sorted([0, 1, 1, 2, 3, case.model.depth - 1, case.model.depth - 1])
    kept = torch.stack([torch.arange(6) + i for i in range(len(layers))])
    return trace, layers, kept


def alone(case, stop, choose=lambda: None):
    trace, layers, kept = rows_of(case)
    answers = []
    for layer, one in zip(layers, kept, strict=True):
        branches = resume(trace, [layer], one[None])
        answers += decode(case.model.language_model, branches, LIMIT, stop, choose())
    return answers


def together(case, stop, choose=lambda: None):
    trace, layers, kept = rows_of(case)
    return decode(case.model.language_model, resume(trace, layers, kept), LIMIT, stop, choose())


def stops(case):
    """Stop tokens at which the rows end after different numbers of steps."""
    answers = alone(case, [])
    return [answers[0][1], answers[2][3], answers[4][5]]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_answers_are_those_of_each_row_alone(case64, penalty, monkeypatch):
    for share in (0.75, 1.0):  # leaving late, and at once
        monkeypatch.setattr(decoding, "LEAVE", share)
        stop, ids = stops(case64), case64.model.token_ids(case64.question)

        def choose(ids=ids):
            return Greedy(ids, penalty)

        expected = alone(case64, stop, choose)
        assert together(case64, stop, choose) == expected
        if penalty == 1.0:  # the stop tokens are taken from these answers
            assert len({len(answer) for answer in expected}) > 1, "rows must end at different steps"


def test_a_long_answer_costs_its_own_steps_alone(case, monkeypatch):
    """Rows that go through a layer at each step are those that have not ended."""
    stop, seen = stops(case), []

    def counting(layer, x, *arguments):
        if layer is case.model.language_model.layers[0]:
            seen.append(len(x))
        return run_layer(layer, x, *arguments)

    monkeypatch.setattr(decoding, "LEAVE", 1.0)
    answers = alone(case, stop)
    monkeypatch.setattr(decoding, "run_layer", counting)
    assert together(case, stop) == answers
    steps = [step for step in range(1, LIMIT) if any(len(answer) >= step for answer in answers)]
    going = [sum(len(answer) >= step for answer in answers) for step in steps]
    assert [sum(part) for part in _steps(seen, going)] == going


def test_a_settled_row_ends_with_the_token_that_settled_it(case64, monkeypatch):
    """As if it had ended, and its steps are saved; a rule that no row meets changes nothing."""
    stop, model, seen = stops(case64), case64.model.language_model, []
    whole = alone(case64, stop)
    trigger = {max(whole, key=len)[1]}

    def settled(ids):
        return bool(trigger & set(ids))

    def cut(answer):
        return answer[: next((i + 1 for i, token in enumerate(answer) if token in trigger), len(answer))]

    def counting(layer, x, *arguments):
        seen.append(len(x))
        return run_layer(layer, x, *arguments)

    trace, layers, kept = rows_of(case64)
    monkeypatch.setattr(decoding, "run_layer", counting)
    for share in (0.75, 1.0):
        monkeypatch.setattr(decoding, "LEAVE", share)
        seen.clear()
        assert decode(model, resume(trace, layers, kept), LIMIT, stop, settled=lambda ids: False) == whole
        rows = sum(seen)
        seen.clear()
        assert decode(model, resume(trace, layers, kept), LIMIT, stop, settled=settled) == list(map(cut, whole))
        assert sum(seen) < rows
    assert list(map(cut, whole)) != whole


def _steps(seen, going):
    """Rows of layer 0's calls, grouped by step: each step's calls make up the rows that continue."""
    parts, calls = [], iter(seen)
    for count in going:
        part = []
        while sum(part) < count:
            part.append(next(calls))
        parts.append(part)
    assert not list(calls)
    return parts
