"""`prune` in the generate of a plain transformers model on the accelerator: the CPU's tokens."""

import pytest
import torch
from transformers import AutoModelForImageTextToText

from devices.accelerator import on_device
from devices.sides import Side
from infohorizon.pruning import Schedule, Stage, prune
from pruning.batches import Asking

SCHEDULES = {
    "contiguous": Schedule([Stage(1, "fastv", 0.5), Stage(2, "visionzip", 5)], "contiguous"),
    "original": Schedule([Stage(0, "divprune", 0.6), Stage(2, "random", 4), Stage(3, "entropyprune", 2)], "original"),
}


def generated(side: Side, schedule: Schedule, questions: list[str]) -> list[list[int]]:
    """What the model answers to a batch of questions about the image."""
    dtype = getattr(torch, side.dtype)
    plain = AutoModelForImageTextToText.from_pretrained(side.folder, dtype=dtype).to(side.model.device).eval()
    inputs = Asking(side.model, plain, [(question, side.image) for question in questions]).inputs()
    inputs = {name: value.to(plain.device) for name, value in inputs.items()}
    inputs["pixel_values"] = inputs["pixel_values"].to(dtype)
    with prune(plain, schedule) as pruned:
        out = plain.generate(**inputs, max_new_tokens=4, do_sample=False)
    assert on_device(out) == (side.model.device.type != "cpu")
    assert pruned.report()[0].visual[0][-1] < side.count
    return out.tolist()


@pytest.mark.parametrize("questions", [["what is it?"], ["what is it?", "where?"]], ids=["one", "padded"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_generate(sides, name, questions):
    here, there = (generated(side, SCHEDULES[name], questions) for side in sides)
    assert here == there
