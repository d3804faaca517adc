"""Answers that wait for each other and continue together are those of each row alone."""

from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from infohorizon.engine import (
    Batch,
    Greedy,
    Unfinished,
    decode,
    decoding,
    layers,
    padded,
    prefill,
    resume,
    unfinished,
    unpruned,
)
from infohorizon.engine.caches import running_cache
from infohorizon.engine.layers import _attend_padded, run_layer
from infohorizon.errors import UserError

LIMIT = 12
QUESTIONS = ("", " Is it so?")  # what is added to the case's question: prompts of two lengths


def batch(rows="auto"):
    return Batch(rows, 1, torch.device("cpu"))


def calls(case):
    """What is decoded, with its question: rows of several layers, all visual tokens, two stages that renumber what is
    left."""
    for more in QUESTIONS:
        question = case.question + more
        trace = prefill(case.model.language_model, case.model.prompt(question, case.encoded))
        layers = [0, 1, 1, case.model.depth - 1]
        kept = torch.stack([torch.arange(6) + i for i in range(len(layers))])
        yield question, resume(trace, layers, kept)
        yield question, unpruned(trace)
        left = trace.prune(1, torch.arange(0, 9, 2), "contiguous").prune(2, torch.arange(1, 3), "contiguous")
        yield question, unpruned(left)


def answers(case, stop=(), penalty=1.0, settled=None, waiting=None):
    """Of all rows; `waiting` makes them continue together."""
    found, model = [], case.model.language_model
    for question, branches in calls(case):
        choose = Greedy(case.model.token_ids(question), penalty)
        found += decode(model, branches, LIMIT, stop, choose, settled, waiting)
    if waiting:
        waiting.finish()
    return found


def together(case, stop=(), penalty=1.0, settled=None, rows="auto"):
    waiting = Unfinished(case.model.language_model, batch(rows), LIMIT, stop, penalty)
    return answers(case, stop, penalty, settled, waiting)


def stops(case):
    """Tokens with which rows end after different numbers of steps."""
    whole = answers(case)
    return [whole[0][1], whole[4][3], whole[7][5]]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("rows", ["auto", 3])
def test_answers_are_those_of_each_call(case64, penalty, rows, monkeypatch):
    stop = stops(case64)
    expected = answers(case64, stop, penalty)
    if penalty == 1.0:  # the stop tokens are taken from these answers
        assert len({len(answer) for answer in expected}) > 1, "rows must end at different steps"
    assert together(case64, stop, penalty, rows=rows) == expected
    for module, name, value in ((unfinished, "LEAVE", 1.0), (unfinished, "BLOCK", 2), (padded, "GROWTH", 3)):
        monkeypatch.setattr(module, name, value)
    assert together(case64, stop, penalty, rows=rows) == expected


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_rows_of_other_lengths_attend_in_calls_of_their_own(case64, penalty, monkeypatch):
    """In buckets, of which some come to an end before others."""
    stop, seen = stops(case64), []

    def attend(query, bucket, scaling):
        seen.append(len(running_cache().buckets))
        return _attend_padded(query, bucket, scaling)

    expected = answers(case64, stop, penalty)
    monkeypatch.setattr(padded, "LEAST_SAVED", 1)
    monkeypatch.setattr(padded, "SHARE_SAVED", 0)
    monkeypatch.setattr(layers, "_attend_padded", attend)
    assert together(case64, stop, penalty) == expected
    assert max(seen) > 2 and len(set(seen)) > 1


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(1, 80))
def test_rows_of_like_length_share_a_bucket(lengths, least):
    """Buckets hold all rows in their order, and no split of a bucket would save enough padding; checked one by one."""
    buckets = [lengths[rows] for rows in padded.length_buckets(lengths, least)]
    enough = [max(least, padded.SHARE_SAVED * total(bucket)) for bucket in buckets]
    assert list(chain(*buckets)) == lengths
    for bucket, most in zip(buckets, enough, strict=True):
        for i in range(1, len(bucket)):
            assert total(bucket) - total(bucket[:i]) - total(bucket[i:]) < most
    assert len(buckets) == 1 or sum(map(total, buckets)) + least * (len(buckets) - 1) <= total(lengths)


def total(lengths):
    return len(lengths) * max(lengths)


def test_a_settled_answer_ends_with_the_token_that_settled_it(case64):
    trigger = answers(case64)[0][2]

    def settled(ids):
        return trigger in ids

    expected = answers(case64, settled=settled)
    assert together(case64, settled=settled) == expected != answers(case64)


def test_rows_of_all_calls_share_their_steps(case, monkeypatch):
    """However many calls ramble, there are as many steps as one answer has tokens."""
    seen = []

    def counting(layer, x, *arguments):
        if layer is case.model.language_model.layers[0]:
            seen.append(len(x))
        return run_layer(layer, x, *arguments)

    expected = answers(case)
    monkeypatch.setattr(unfinished, "run_layer", counting)
    monkeypatch.setattr(decoding, "run_layer", counting)
    assert together(case) == expected
    assert seen == [len(expected)] * (LIMIT - 1)


def test_many_rows_have_steps_of_their_own(case, monkeypatch):
    monkeypatch.setattr(decoding, "FEW", 2)
    waiting = Unfinished(case.model.language_model, batch(), LIMIT, [])
    expected, taken = answers(case), []
    monkeypatch.setattr(waiting, "take", lambda rows: taken.append(len(rows)))
    answers(case, waiting=waiting)
    assert taken == [1, 1] * len(QUESTIONS) and len(expected) == 6 * len(QUESTIONS)


def test_rows_continue_before_there_are_too_many(case):
    model, budget = case.model.language_model, batch()
    waiting, expected, most = Unfinished(model, budget, LIMIT, []), answers(case), []
    budget.room = 3 * max(len(branches.final) * 40 for _, branches in calls(case))
    take = waiting.take

    def watched(rows):
        take(rows)
        most.append(sum(row.tokens for row in waiting.rows))

    waiting.take = watched
    assert answers(case, waiting=waiting) == expected
    assert len(most) > 2 and max(most) <= budget.waiting < sum(most)


def test_rows_for_which_there_is_no_room_do_not_wait(case, monkeypatch):
    waiting, expected = Unfinished(case.model.language_model, batch(), LIMIT, []), answers(case)
    waiting.batch.room = 10  # tokens: fewer than any row holds
    monkeypatch.setattr(waiting, "take", None)
    assert answers(case, waiting=waiting) == expected


def test_a_row_that_never_fits_ends_the_job(case, monkeypatch):
    def failing(*_):
        raise torch.OutOfMemoryError

    waiting = Unfinished(case.model.language_model, batch(), LIMIT, [])
    for _, branches in calls(case):
        decode(case.model.language_model, branches, LIMIT, [], unfinished=waiting)
    monkeypatch.setattr(unfinished, "run_layer", failing)
    with pytest.raises(UserError, match=r"one row of .* tokens does not fit into memory"):
        waiting.finish()


def test_a_call_that_memory_ran_out_in_changes_nothing(case, monkeypatch):
    """It is repeated with fewer rows; rows that wait are completed first where another call needs their memory."""
    expected, failed = answers(case), []

    def failing(layer, x, *arguments):
        if len(x) > 2:
            failed.append(len(x))
            raise torch.OutOfMemoryError
        return run_layer(layer, x, *arguments)

    waiting = Unfinished(case.model.language_model, batch(), LIMIT, [])
    found = []
    for question, branches in calls(case):
        choose = Greedy(case.model.token_ids(question))
        found += decode(case.model.language_model, branches, LIMIT, [], choose, None, waiting)
    monkeypatch.setattr(unfinished, "run_layer", failing)
    with pytest.raises(RuntimeError, match="elsewhere"):
        waiting.batch.one(1, _out_of_memory_once(waiting))
    assert found == expected and failed and not waiting.rows


def _out_of_memory_once(waiting):
    calls = iter([torch.OutOfMemoryError(), RuntimeError("elsewhere")])

    def call():
        raise next(calls)

    return call
