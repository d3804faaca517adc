"""The floor in points against its definition: answers of two models, asked one by one.

Both calculate in float32, one with weights that were rounded to bfloat16: answers of a model that calculates in
bfloat16 depend on the processor's kernels, and on what shares a call.
"""

import pytest
import torch

from infohorizon import models
from infohorizon.engine import resume
from infohorizon.measure.answer_floor import answer_floor
from infohorizon.measure.floor import in_float32
from infohorizon.measure.questioner import Asked, Questioner

LAYERS = [1, 4]
TOKENS = 6


def score(question_id: str, answer: str) -> float:
    """Any rule that tells answers apart."""
    return (len(answer) % 7) / 7 + (question_id == "who?")


def test_it_is_the_share_and_the_mean_over_questions(case):
    narrow, wide = in_float32(models.load(str(case.folder), {"dtype": "bfloat16"})), case.model
    encoded = narrow.encode([case.image])[0]
    asked = [Asked(text, text, "yes", encoded) for text in ("what is it?", "who?", "is it a cat?")]
    questioners = tuple(Questioner(model, model.batch(), TOKENS) for model in (narrow, wide))
    deferring = tuple(Questioner(model, model.batch(), TOKENS, together=True) for model in (narrow, wide))
    found = answer_floor(deferring, asked, LAYERS, score)

    def answer(questioner: Questioner, question: Asked, layer: int | None) -> str:
        trace = questioner.trace(question)
        if layer is None:
            return questioner.answer(trace, question)["answer"]
        nothing = torch.arange(0)[None]
        return questioner.answers(resume(trace, [layer], nothing), question)[0]["answer"]

    for index, layer in enumerate([None, *LAYERS]):
        pairs = [(q.question_id, answer(questioners[0], q, layer), answer(questioners[1], q, layer)) for q in asked]
        changed = sum(a != b for _, a, b in pairs) / len(pairs)
        moved = sum(abs(score(name, a) - score(name, b)) for name, a, b in pairs) / len(pairs)
        given = (found["full_changed"], found["full_score"]) if layer is None else (
            found["changed"][index - 1], found["score"][index - 1]
        )  # fmt: skip
        assert given == pytest.approx((changed, moved))
    assert sum(found["changed"]) + found["full_changed"] > 0  # random weights: near ties everywhere


def test_a_model_has_no_floor_against_itself(case):
    questioner = Questioner(case.model, case.model.batch(), TOKENS, together=True)
    asked = [Asked("1", "what is it?", "yes", case.model.encode([case.image])[0])]
    found = answer_floor((questioner, questioner), asked, LAYERS, score)
    assert found == {"changed": [0.0, 0.0], "score": [0.0, 0.0], "full_changed": 0.0, "full_score": 0.0}
