"""Tensors put on the wrong device on purpose, as a forgotten `device=` or `.to(device)` does: the stages find them."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch

from devices.accelerator import NAME
from devices.rules import DeviceMixed
from devices.sides import Side
from infohorizon.engine import decoding, greedy, language_model, layers, padded, removal, trace, unfinished
from infohorizon.engine.language_model import LanguageModel, Rope
from infohorizon.engine.trace import Trace
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.questioner import Questioner
from infohorizon.measure.reference import Drop, Naive
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.measure.schedules import Stage, run_schedule
from infohorizon.measure.sweep import run_sweep, settings_of
from infohorizon.measure.trace_view import TraceView
from infohorizon.models.llava import Llava
from infohorizon.strategies import apet, dart, pool, random, scope

Patch = pytest.MonkeyPatch
Inject = Callable[[Patch, Side], None]
CPU = torch.device("cpu")


class Misplacing:
    """torch, but for one function whose tensors are on another device."""

    def __init__(self, name: str, device: str) -> None:
        self._name, self._device = name, device

    def __getattr__(self, name: str) -> Any:
        found = getattr(torch, name)
        if name != self._name:
            return found
        if self._device == "cpu":
            return lambda *args, **kwargs: found(*args, **kwargs).cpu()
        return lambda *args, **kwargs: found(*args, device=self._device, **kwargs)


def made(module: Any, name: str, device: str = "cpu") -> Inject:
    """What a module makes with a function of torch is on another device."""
    return lambda patch, side: patch.setattr(module, "torch", Misplacing(name, device))


def left(owner: Any, name: str) -> Inject:
    """What a function gives is on the CPU."""
    own = getattr(owner, name)
    return lambda patch, side: patch.setattr(owner, name, lambda *args, **kwargs: _down(own(*args, **kwargs)))


def _down(value: Any) -> Any:
    return value.cpu() if isinstance(value, torch.Tensor) else tuple(map(_down, value))


def prompted(name: str) -> Inject:
    """A part of the prompt is on the CPU."""
    own = Llava.prompt

    def prompt(self: Any, *args: Any, **kwargs: Any) -> Any:
        prompt = own(self, *args, **kwargs)
        return replace(prompt, **{name: getattr(prompt, name).cpu()})

    return lambda patch, side: patch.setattr(Llava, "prompt", prompt)


def stays(patch: Patch, side: Side) -> None:
    """The model says that it is on the CPU."""
    patch.setattr(side.model, "device", CPU)


def head(patch: Patch, side: Side) -> None:
    patch.setattr(side.model.language_model, "head", deepcopy(side.model.language_model.head).to(CPU))


def encode(side: Side) -> Any:
    return side.model.encode([side.image])


def measured(**how: Any) -> Callable[[Side], Any]:
    measurement = Measurement(**how)
    return lambda side: token_information(side.model, side.asked, [1], side.questioner.batch, measurement, [0])


def answered(side: Side) -> Any:
    return side.questioner.answer(side.questioner.trace(side.asked), side.asked)


def penalised(side: Side) -> Any:
    choose = greedy.Greedy([1, 2], 1.3)
    return choose(side.model.language_model.logits(side.trace.final()))


def waited(side: Side) -> Any:
    """Two rows of different lengths: one of them is padded."""
    asking = Questioner(side.model, side.questioner.batch, 4, together=True)
    return asking.read([asking.answer(side.trace, side.asked), asking.blind(side.trace, side.asked)])


def removed(side: Side) -> Any:
    return run_removals(side.questioner, side.asked, [Cell("mean", 1)])


def swept(name: str, layer: int = 1) -> Callable[[Side], Any]:
    def sweep(side: Side) -> Any:
        used, trace = side.strategies([name]), side.questioner.trace(side.asked)
        return run_sweep(side.questioner, trace, side.asked, used, settings_of(used[name], [layer], [6], 1))

    return sweep


def scheduled(side: Side) -> Any:
    used, trace = side.strategies(["random"]), side.questioner.trace(side.asked)
    return run_schedule(side.questioner, trace, side.asked, [Stage(1, "random", 9), Stage(2, "random", 5)], used)


def verified(side: Side) -> Any:
    return Naive.of(side.model, side.model.model, side.image, "what is it?").probabilities([Drop(1, [0, 2])])


class Fault(NamedTuple):
    """inject: puts something in the wrong place; run: a stage that comes across it."""

    inject: Inject
    run: Callable[[Side], Any]


FAULTS = {
    "pixels": Fault(stays, encode),
    "token ids": Fault(stays, answered),
    "projected features": Fault(left(Llava, "visual_embeddings"), answered),
    "embeddings": Fault(prompted("embeddings"), answered),
    "position ids": Fault(prompted("positions"), answered),
    "places for generated tokens": Fault(made(language_model, "arange"), answered),
    "cos and sin": Fault(left(Rope, "at"), answered),
    "head": Fault(head, answered),
    "stop tokens": Fault(made(decoding, "tensor"), answered),
    "answers": Fault(made(decoding, "full"), answered),
    "tokens that are penalised": Fault(made(greedy, "zeros_like"), penalised),
    "lengths of rows that wait": Fault(made(unfinished, "tensor"), waited),
    "padding": Fault(made(padded, "arange"), waited),
    "states of the unpruned run": Fault(left(Trace, "hidden"), measured()),
    "keys of the unpruned run": Fault(left(Trace, "keys"), measured()),
    "mask of the last queries": Fault(made(layers, "ones"), measured()),
    "tokens that are recomputed": Fault(made(removal, "arange"), measured()),
    "mask of what is gone": Fault(made(removal, "ones"), measured(removal="zero")),
    "tokens of the label": Fault(made(language_model, "as_tensor"), measured()),
    "states that are read": Fault(left(Trace, "final"), removed),
    "unpruned distribution": Fault(left(LanguageModel, "logits"), answered),
    "tokens of a pruned run": Fault(made(trace, "arange"), scheduled),
    "draws": Fault(made(random, "randperm", NAME), scheduled),
    "rows of attention": Fault(made(trace, "arange"), swept("fastv")),
    "queries": Fault(left(Trace, "queries"), swept("fastv")),
    "vision features": Fault(left(TraceView, "features"), swept("cdpruner-contrib")),
    "saliency": Fault(left(TraceView, "saliency"), swept("scope")),
    "hidden states": Fault(left(TraceView, "hidden"), swept("dart")),
    "tokens of each cell": Fault(left(pool.Pool, "members"), swept("pool")),
    "pivots": Fault(made(dart, "zeros"), swept("dart")),
    "first of the basis": Fault(made(apet, "full"), swept("apet")),
    "tokens that are left": Fault(made(scope, "ones"), swept("scope")),
    "mask of the reference": Fault(left(Naive, "_mask"), verified),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_tensor_in_the_wrong_place_is_found(name, llava, monkeypatch):
    fault = FAULTS[name]
    fault.run(llava)
    fault.inject(monkeypatch, llava)
    with pytest.raises(DeviceMixed):
        fault.run(llava)
