"""How many rows go through the decoder at once: a token budget, halved whenever memory runs out."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from infohorizon.capacity import tokens_on
from infohorizon.errors import UserError

log = logging.getLogger("infohorizon")
RECOVERY = 64  # calls
T = TypeVar("T")
WORDS = (
    "can't allocate memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
CPU_TOKENS = 2048  # rows × tokens per call that keeps a CPU's caches busy without spilling


class Batch:
    """The token budget of one decoder call.

    Args:
        size: rows per call as configured, or "auto": from the free memory of the device.
        bytes_per_token: peak bytes one row's token costs during a call (see geometry.batch_bytes).
        device: where the decoder runs.
        bytes_cached: bytes of a token's keys and values in all layers; None: as many as bytes_per_token.

    Attributes:
        room: cached tokens that rows may hold while they wait for others, while the budget is whole.
    """

    def __init__(
        self, size: int | str, bytes_per_token: int, device: torch.device, bytes_cached: int | None = None
    ) -> None:
        self.rows = None if size == "auto" else int(size)
        self.tokens, self.room = CPU_TOKENS, 2 * CPU_TOKENS
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            self.tokens, self.room = tokens_on(free, bytes_per_token, bytes_cached or bytes_per_token)
        self.reliefs: list[Callable[[], None]] = []
        """What lets go of memory when it has run out."""
        self.most, self.fitted = (self.rows, self.tokens), 0

    @property
    def waiting(self) -> int:
        """Cached tokens that rows may hold while they wait: less where the budget was halved."""
        most, tokens = self.most
        return int(self.room * (self.rows / most if self.rows and most else self.tokens / tokens))

    def slices(self, rows: int, tokens: int, call: Callable[[slice], None]) -> None:
        """Call `call(slice)` over `rows` rows of `tokens` tokens each; on out-of-memory halve and try again.

        `call` must store its result only once it is complete, so that a failed attempt leaves no trace.

        Raises:
            UserError: not even one row fits, tried twice.
        """
        start, alone = 0, False
        while start < rows:
            size = self.rows or max(1, self.tokens // tokens)
            part = slice(start, min(rows, start + size))
            if self._fits(call, part):
                start, alone = part.stop, False
                self._recover()
            elif alone:
                raise _too_large(tokens)
            else:
                alone = part.stop - part.start == 1  # what is freed now may do for the row
                self._halve(part.stop - part.start, tokens)

    def halves(self, rows: int, tokens: int, call: Callable[[slice], None]) -> None:
        """Call for all rows at once, or for as many as are configured, and again for half as many if memory runs out.

        The budget stays what it is: rows of one new token each hold what their caches hold.

        Args:
            tokens: cached ones of the longest row; call: as for `slices`.
        Raises:
            UserError: not even one row fits, tried twice.
        """
        size = self.rows or max(1, rows)
        parts = [slice(start, min(rows, start + size)) for start in range(0, rows, size)][::-1]
        alone = False
        while parts:
            part = parts.pop()
            if self._fits(call, part):
                alone = False
                continue
            log.warning("out of memory at %d rows that continue together", part.stop - part.start)
            self._free()
            middle = (part.start + part.stop) // 2
            if middle > part.start:
                parts += [slice(middle, part.stop), slice(part.start, middle)]
            elif alone:
                raise _too_large(tokens)
            else:
                alone = True
                parts.append(part)

    def one(self, tokens: int, call: Callable[[], T]) -> T:
        """Call for a single row of `tokens` tokens; on out-of-memory free what is cached and try again.

        The budget stays what it is: this is no batch of the decoder's.

        Raises:
            UserError: it does not fit.
        """
        found: list[T] = []
        for _ in range(2):
            if self._fits(lambda _: found.append(call()), slice(0, 1)):
                return found[0]
            log.warning("out of memory at one row of %d tokens", tokens)
            self._free()
        raise _too_large(tokens)

    def _fits(self, call: Callable[[slice], None], part: slice) -> bool:
        """Call; False where memory ran out. The error is gone then, and with it the failed call's tensors."""
        try:
            call(part)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            return False
        return True

    def _recover(self) -> None:
        """After many calls that fitted, twice as much is tried again: what took the memory may have left."""
        self.fitted += 1
        if self.fitted >= RECOVERY and (self.rows, self.tokens) != self.most:
            rows, tokens = self.most
            self.rows, self.tokens = rows and min(rows, 2 * (self.rows or 1)), min(tokens, 2 * self.tokens)
            self.fitted = 0

    def _halve(self, rows: int, tokens: int) -> None:
        self.fitted = 0
        self._free()
        half = max(1, rows // 2)
        if self.rows:
            self.rows = half
        else:
            self.tokens = half * tokens
        log.warning("out of memory at %d rows of %d tokens: continuing with %d rows", rows, tokens, half)

    def _free(self) -> None:
        """Give cached memory back, so that it can be cut up otherwise, and let go of what waits."""
        _empty_cache()  # what is let go of is computed to its end first, and needs memory for it
        for relieve in self.reliefs:
            relieve()
        _empty_cache()


def _empty_cache() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _too_large(tokens: int) -> UserError:
    return UserError(
        f"one row of {tokens} tokens does not fit into memory: use a smaller dtype or max_pixels, "
        "or a device with more memory."
    )


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error is one of CUDA's, its libraries' or the CPU allocator's ways of saying that memory ran out."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in WORDS)
