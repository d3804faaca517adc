"""Out of memory at a batch: smaller batches, the same numbers; and one sentence where not even one row fits."""

import math

import pytest
import torch

from infohorizon.engine import Batch, batching
from infohorizon.errors import UserError
from infohorizon.measure import information
from infohorizon.measure import sweep as sweeps
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.strategies import create

CPU = torch.device("cpu")
ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to …"),
]


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu"])
@pytest.mark.parametrize("size", [8, "auto"])
def test_every_row_is_computed_exactly_once(error: RuntimeError, size: int | str) -> None:
    batch, done = Batch(size, 1, CPU), []
    batch.tokens = 80

    def call(part: slice) -> None:
        if part.stop - part.start > 2:
            raise error
        done.extend(range(part.start, part.stop))

    for _ in range(2):
        done.clear()
        batch.slices(11, 10, call)
        assert done == list(range(11))
    assert batch.rows == 2 if size == 8 else batch.tokens == 20  # remembered: the next call starts small


def test_a_row_that_does_not_fit_is_said() -> None:
    def call(part: slice) -> None:
        raise ERRORS[0]

    with pytest.raises(UserError, match="one row of 600 tokens does not fit into memory"):
        Batch(4, 1, CPU).slices(5, 600, call)


def test_other_errors_pass() -> None:
    def call(part: slice) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        Batch(4, 1, CPU).slices(5, 10, call)


def test_an_error_is_recognized_as_torch_raises_it() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 55, dtype=torch.float64)
    assert batching.out_of_memory(caught.value)


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The decoder runs out of memory at more than three rows; sizes of the calls that failed."""
    resume, failed = information.resume, []

    def limited(trace, layers, *arguments, **options):
        if len(layers) > 3:
            failed.append(len(layers))
            raise ERRORS[0]
        return resume(trace, layers, *arguments, **options)

    for module in (information, sweeps):
        monkeypatch.setattr(module, "resume", limited)
    return failed


def measure(case) -> list[dict]:
    """Token information and a sweep of one question."""
    model, batch = case.model, Batch(16, 1, CPU)
    asked = Asked("q", case.question, "yes", case.encoded)
    rows = information.token_information(model, asked, [1, 3], batch)
    questioner, strategy = Questioner(model, batch, 4), create("random")
    settings = sweeps.settings_of(strategy, [1, 2, 4], [3], 3)
    return rows + sweeps.run_sweep(questioner, questioner.trace(asked), asked, {"random": strategy}, settings)


def test_stages_give_the_same_numbers_in_smaller_batches(case, request: pytest.FixtureRequest) -> None:
    whole = measure(case)
    failed = request.getfixturevalue("little_memory")
    for one, other in zip(whole, measure(case), strict=True):
        for column, value in one.items():
            same = (
                math.isclose(value, other[column], abs_tol=1e-6) if isinstance(value, float) else value == other[column]
            )
            assert same, column
    assert failed
