"""Out of memory at a batch: smaller batches, the same numbers; and one sentence where not even one row fits."""

import math
import weakref

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


@pytest.mark.parametrize("size", [8, "auto"])
def test_fewer_rows_wait_while_the_budget_is_halved(size: int | str) -> None:
    batch, fails = Batch(size, 1, CPU), iter([True])
    whole = batch.waiting

    def call(part: slice) -> None:
        if next(fails, False):
            raise ERRORS[0]

    batch.slices(8, batching.CPU_TOKENS // 8, call)
    assert batch.waiting == whole // 2 > 0
    for _ in range(batching.RECOVERY):
        batch.slices(1, 10, call)
    assert batch.waiting == whole


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


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_every_way_of_saying_it_is_recognized(words: str) -> None:
    assert batching.out_of_memory(RuntimeError(words))
    assert not batching.out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))


@pytest.mark.parametrize("size", [8, "auto"])
def test_the_budget_recovers(size: int | str) -> None:
    """Memory that another process held is free again: after many calls that fitted, twice as much is tried."""
    batch, short = Batch(size, 1, CPU), [True]
    batch.tokens = 80
    batch.most = (batch.rows, batch.tokens)
    sizes = []

    def call(part: slice) -> None:
        if short[0] and part.stop - part.start > 2:
            raise ERRORS[0]
        sizes.append(part.stop - part.start)

    batch.slices(8, 10, call)
    assert max(sizes) == 2
    short[0] = False
    batch.slices(2000, 10, call)
    assert max(sizes) == 8 and (batch.rows, batch.tokens) == batch.most


def test_the_failed_call_s_tensors_are_gone_before_the_next() -> None:
    """What the failed call held is freed with its traceback, not kept until the retry is over."""
    held: list[weakref.ref] = []

    def call(part: slice) -> None:
        assert not any(one() is not None for one in held)
        tensor = torch.zeros(3)
        held.append(weakref.ref(tensor))
        if part.stop - part.start > 2:
            raise RuntimeError("CUDA error: out of memory")

    Batch(8, 1, CPU).slices(8, 10, call)
    assert len(held) > 4
