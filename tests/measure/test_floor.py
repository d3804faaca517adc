"""The rounding floor against its definition; what it needs and what it leaves alone."""

import logging

import pytest
import torch

from infohorizon import models
from infohorizon.engine import Batch, prefill, resume
from infohorizon.measure import floor
from infohorizon.measure.floor import in_float32, rounding_floor
from infohorizon.measure.information import Measurement
from infohorizon.measure.questioner import Asked
from infohorizon.measure.windows import windows

LAYERS, LABEL = [1, 3, 5], "yes"


@pytest.fixture(scope="module", params=["bfloat16", "float16"])
def sixteen(request, case):
    return models.load(str(case.folder), {"dtype": request.param})


def asked(case, model, *questions):
    encoded = model.encode([case.image])[0]
    return [Asked(question, question, LABEL, encoded) for question in questions]


def probabilities(model, question, layer):
    """Row by row: no visual token, and the first four windows."""
    ids = model.label_ids(LABEL, question.question)
    trace = prefill(model.language_model, model.prompt(question.question, question.encoded, forced=ids[:-1]))
    kept = [torch.arange(0), *windows(question.encoded.grid, 2)[:4]]
    finals = [resume(trace, [layer], tokens[None]).final[0, 0] for tokens in kept]
    return model.language_model.logits(torch.stack(finals)).softmax(-1)[:, ids[0]].double()


def test_the_floor_is_the_rms_difference_of_its_rows(case, sixteen):
    """Of two models in float32, one with rounded weights: rounding in 16 bit depends on what shares a call."""
    rounded, exact = in_float32(sixteen), case.model
    questions = asked(case, exact, "what is it?", "who?")
    found = rounding_floor((rounded, exact), questions, LAYERS, exact.batch(1), Measurement())
    for layer, rms in zip(LAYERS, found, strict=True):
        differences = [probabilities(rounded, q, layer) - probabilities(exact, q, layer) for q in questions]
        assert rms == pytest.approx(float(torch.cat(differences).square().mean().sqrt()), rel=1e-3)
        assert rms > 1e-7


def test_in_sixteen_bit_there_is_a_floor(case, sixteen):
    questions = asked(case, sixteen, "what is it?")
    assert min(rounding_floor((sixteen, in_float32(sixteen)), questions, LAYERS, sixteen.batch(1), Measurement())) > 0


def test_the_float32_copy_has_the_same_weights_and_leaves_the_model_alone(sixteen):
    wide = in_float32(sixteen)
    assert wide.dtype == torch.float32 and sixteen.dtype != torch.float32
    for (name, one), other in zip(sixteen.model.named_parameters(), wide.model.parameters(), strict=True):
        assert torch.equal(one.float(), other), name


def test_a_model_has_no_floor_against_itself(case):
    questions = asked(case, case.model, "what is it?")
    batch = Batch("auto", 1, torch.device("cpu"))
    assert rounding_floor((case.model, case.model), questions, LAYERS, batch, Measurement()) == [0.0] * 3


def test_where_memory_does_not_suffice_one_sentence_says_so(sixteen, monkeypatch, caplog):
    monkeypatch.setattr(floor, "_free", lambda device: 1000)
    with caplog.at_level(logging.WARNING, "infohorizon"):
        assert in_float32(sixteen) is None
    assert [record.getMessage() for record in caplog.records] == [
        "the rounding floor is not measured: a float32 copy of the model needs 0.0 GB more"
    ]


def test_memory_that_runs_out_while_copying_is_no_error(sixteen, monkeypatch):
    def full(_):
        raise torch.OutOfMemoryError("injected")

    monkeypatch.setattr(floor, "deepcopy", full)
    assert in_float32(sixteen) is None
