"""The repetition penalty against transformers' own: its `generate`, and its logits processor on pruned runs."""

import inspect

import pytest
import torch

from infohorizon.engine import Greedy, decode, prefill, resume, unpruned
from infohorizon.measure.reference import Drop


def decoded(case, branches, penalty, steps=10):
    ids = case.model.token_ids(case.question)
    return decode(case.model.language_model, branches, steps, [], Greedy(ids, penalty))


@pytest.mark.parametrize("penalty", [1.0, 1.05, 1.4, 0.7])
def test_greedy_answers_equal_transformers_generate(case, penalty):
    trace = prefill(case.model.language_model, case.model.prompt(case.question, case.encoded))
    inputs = {**case.naive.inputs, "attention_mask": torch.ones_like(case.naive.inputs["input_ids"])}
    if "mm_token_type_ids" not in inspect.signature(case.naive.model.forward).parameters:  # transformers 4.57
        inputs.pop("mm_token_type_ids", None)
    options = {"max_new_tokens": 10, "do_sample": False, "repetition_penalty": penalty, "eos_token_id": -1}
    generated = case.naive.model.generate(**inputs, **options)[0, inputs["input_ids"].shape[1] :]
    assert decoded(case, unpruned(trace), penalty)[0] == generated.tolist()


def test_a_penalty_changes_answers_and_rows_do_not_share_what_they_have_seen(case):
    trace = prefill(case.model.language_model, case.model.prompt(case.question, case.encoded))
    kept = torch.tensor([[0, 3], [1, 2], [4, 5]])
    rows = decoded(case, resume(trace, [1, 2, 4], kept), 1.4)
    for layer, own, row in zip([1, 2, 4], kept.tolist(), rows, strict=True):
        assert row == case.naive.greedy(10, [Drop(layer, own)], penalty=1.4)
    assert rows != decoded(case, resume(trace, [1, 2, 4], kept), 1.0)


def test_positive_logits_are_divided_and_negative_ones_multiplied():
    choose = Greedy([0], 2.0)
    assert choose(torch.tensor([[3.0, 2.0, -1.0]])).tolist() == [1]  # 1.5, 2, −1
    assert choose(torch.tensor([[-3.0, -2.0, -3.5]])).tolist() == [2]  # −6, −4, −3.5
