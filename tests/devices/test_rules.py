"""The pretend accelerator itself: what CUDA refuses, what it takes, and where the host waits."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from devices.accelerator import NAME, on_device
from devices.ledger import counting, memory, room
from devices.rules import DeviceMixed

HERE, THERE = torch.arange(12.0).reshape(4, 3).to(NAME), torch.ones(4, 3)
INDEX, MASK = torch.tensor([2, 0]), torch.tensor([True, False, True, True])
OWN = {"index": INDEX.to(NAME), "mask": MASK.to(NAME), "number": torch.tensor(2).to(NAME)}

REFUSED: dict[str, Callable[[], Any]] = {
    "cat": lambda: torch.cat([HERE, THERE]),
    "stack": lambda: torch.stack([THERE, HERE]),
    "product": lambda: HERE @ THERE.T,
    "sum": lambda: HERE + THERE,
    "sum in place": lambda: THERE.add_(HERE),
    "comparison": lambda: HERE > THERE,
    "where": lambda: torch.where(THERE > 0, HERE, HERE),
    "gather": lambda: HERE.gather(1, torch.zeros(4, 1, dtype=torch.long)),
    "scatter": lambda: HERE.clone().scatter_(1, torch.zeros(4, 1, dtype=torch.long), 0),
    "index_select": lambda: HERE.index_select(0, INDEX),
    "index on the device, tensor on the CPU": lambda: THERE[OWN["index"]],
    "mask on the device, tensor on the CPU": lambda: THERE[OWN["mask"]],
    "values on the CPU": lambda: HERE.clone().__setitem__(OWN["index"], THERE[:2]),
    "masked_fill": lambda: HERE.masked_fill(THERE > 0, 0),
    "searchsorted": lambda: torch.searchsorted(HERE[:, 0].contiguous(), THERE[:, 0].contiguous()),
    "isin": lambda: torch.isin(OWN["index"], INDEX),
    "embedding": lambda: torch.nn.functional.embedding(INDEX, HERE),
    "linear": lambda: torch.nn.functional.linear(THERE, HERE),
    "attention mask": lambda: torch.nn.functional.scaled_dot_product_attention(HERE, HERE, HERE, THERE > 0),
    "generator of the CPU": lambda: torch.randperm(4, generator=torch.Generator(), device=NAME),
    "numpy": lambda: HERE.numpy(),
}

TAKEN: dict[str, Callable[[], Any]] = {
    "number of the CPU": lambda: HERE * torch.tensor(2.0),
    "where with a number": lambda: torch.where(HERE > 3, HERE, torch.tensor(0.0)),
    "index of the CPU": lambda: HERE[INDEX],
    "mask of the CPU": lambda: HERE[MASK],
    "list": lambda: HERE[[2, 0]],
    "number written": lambda: HERE.clone().__setitem__(0, 1.0),
    "copy": lambda: HERE.clone().copy_(THERE),
}

WAITS: dict[str, tuple[int, Callable[[], Any]]] = {
    "arithmetic": (0, lambda: (HERE + 1) @ HERE.T),
    "a factory": (0, lambda: torch.arange(3, device=NAME)),
    "an index on the device": (0, lambda: HERE[OWN["index"]]),
    "a number written where a mask says": (0, lambda: HERE.clone().__setitem__(OWN["mask"], 0.0)),
    "a number written to a slice": (0, lambda: HERE.clone().__setitem__(slice(2), 0.0)),
    "filling at an index": (0, lambda: HERE.clone().index_fill_(0, OWN["index"], 0.0)),
    "sorting": (0, lambda: HERE.sort(dim=1).values),
    "a number read": (1, lambda: float(HERE[0, 0])),
    "a decision": (1, lambda: bool((HERE > 0).all())),
    "a list read": (1, lambda: HERE.tolist()),
    "a copy to the CPU": (1, lambda: HERE.cpu()),
    "a copy from the CPU": (1, lambda: THERE.to(NAME)),
    "a tensor made of a list": (1, lambda: torch.tensor([1, 2], device=NAME)),
    "an index on the CPU": (1, lambda: HERE[INDEX]),
    "a number of the device as an index": (1, lambda: HERE[OWN["number"]]),
    "a number written at an index": (1, lambda: HERE.clone().__setitem__(OWN["index"], 0.0)),
    "a mask": (1, lambda: HERE[OWN["mask"]]),
    "nonzero": (1, lambda: OWN["mask"].nonzero()),
    "unique": (1, lambda: OWN["index"].unique()),
    "eigenvalues": (1, lambda: torch.linalg.eigvalsh(HERE.T @ HERE)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(TypeError if name == "numpy" else DeviceMixed):
        REFUSED[name]()


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name):
    found = TAKEN[name]()
    assert found is None or on_device(found)


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("name", WAITS)
def test_waits(name, inference):
    expected, call = WAITS[name]
    with torch.inference_mode(inference), counting() as counts:
        call()
    assert counts.waits == expected, counts.waiting


def test_launches_are_operations_that_compute():
    with counting() as counts:
        torch.relu(HERE.T[:2].unsqueeze(0) * 2)
    assert counts.launches == 2


def test_memory_runs_out_and_is_freed():
    before = memory.bytes
    with room(4000) as seen:
        held = torch.zeros(500, device=NAME)
        with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
            torch.zeros(600, device=NAME)
        assert seen.failures == 1 and seen.peak == before + 2000
        del held
        torch.zeros(600, device=NAME)
    assert memory.bytes == before
