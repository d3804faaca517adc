"""What happens on the pretend accelerator: kernels, waits of the host, and bytes."""

import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Counts:
    """What happened on the accelerator.

    Attributes:
        kernels: operation → how often it was launched; waiting: operation → how often the host waited for it.
    """

    def __init__(self) -> None:
        self.kernels: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()

    @property
    def launches(self) -> int:
        return self.kernels.total()

    @property
    def waits(self) -> int:
        return self.waiting.total()


class _Memory:
    """Bytes of the storages behind tensors on the accelerator, and how many there may be (see `room`)."""

    def __init__(self) -> None:
        self.bytes, self.peak, self.limit, self.failures = 0, 0, float("inf"), 0
        self.most = float("inf")
        self._known: set[int] = set()

    def hold(self, tensor: torch.Tensor) -> None:
        """Count a tensor's storage until it is freed.

        Raises:
            torch.OutOfMemoryError: it is one too many.
        """
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known or size == 0:
            return
        if self.bytes + size > self.limit:
            self.failures += 1
            if self.failures >= self.most:
                self.limit = float("inf")
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes")
        self._known.add(key)
        self.bytes += size
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.bytes -= size


memory = _Memory()
open_counts: list[Counts] = []
"""Where the accelerator writes down what it does."""


@contextmanager
def counting() -> Iterator[Counts]:
    """What happens on the accelerator inside."""
    counts = Counts()
    open_counts.append(counts)
    try:
        yield counts
    finally:
        open_counts.remove(counts)


@contextmanager
def room(size: float, failures: float = float("inf")) -> Iterator[_Memory]:
    """`size` bytes beside what is held now; more is out of memory, until there have been so many `failures`."""
    memory.limit, memory.peak, memory.failures, memory.most = memory.bytes + size, memory.bytes, 0, failures
    try:
        yield memory
    finally:
        memory.limit = float("inf")
