"""Counts what PyTorch would do on a GPU while a program runs on the meta device, where tensors have no values.

`Meter` sees every operation: FLOPs, bytes, kernels and waits, and what they take on each card of study/cards.py. A
kernel takes the longer of its arithmetic and its bytes; every input and output is read or written once, as if nothing
stayed in the card's cache. The processor launches ahead of the card until it has to wait for it: between two waits the
time is the longer of all kernels' and of all launches.

Integers and truth values that do not depend on weights (indices, places) are computed on the CPU beside the meta
tensors, so that what the program reads back is right. Where something is read back that would depend on weights, it
gets what `Unknown` says.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from operations import PASSES, WAITING, aten, is_composite, key_of, size
from operations import cost as cost_of
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from infohorizon.study.cards import CARDS, SINGLE

KINDS = ("products", "attention", "elementwise", "launches", "waits")
KNOWN = 1 << 22  # values of an index tensor that is followed


@dataclass
class Tally:
    """flops, bytes, kernels, waits; seconds: (cards, kinds)."""

    flops: float = 0.0
    bytes: float = 0.0
    kernels: float = 0.0
    waits: float = 0.0
    seconds: np.ndarray = field(default_factory=lambda: np.zeros((len(CARDS), len(KINDS))))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def __mul__(self, times: float) -> "Tally":
        return Tally(*(getattr(self, name) * times for name in self.__dataclass_fields__))

    def total(self, card: str) -> float:
        """Seconds on a card."""
        return float(self.seconds[list(CARDS).index(card)].sum())


class Unknown:
    """What is read back of values that depend on weights. Truth: all true; numbers of one row: 0, 1, 2, …; else 0."""

    true = 0.5
    """Share of a mask that is true, where places of what is true are asked for."""

    def values(self, like: Tensor) -> Tensor:
        if like.dtype == torch.bool:
            return torch.ones(like.shape, dtype=torch.bool)
        if like.dtype.is_floating_point or like.ndim == 0:
            return torch.zeros(like.shape, dtype=like.dtype)
        return torch.arange(like.shape[-1]).to(like.dtype).expand(like.shape).contiguous()

    def count(self, like: Tensor) -> int:
        return max(1, round(self.true * like.numel()))


def known(tensor: Tensor) -> Tensor | None:
    """A tensor's values where they are followed: all of the CPU's are."""
    return tensor if tensor.device.type == "cpu" else getattr(tensor, "_known", None)


def follow(tensor: Tensor, values: Tensor | None) -> None:
    if values is not None and not values.dtype.is_floating_point and values.numel() <= KNOWN:
        tensor._known = values  # type: ignore[attr-defined]
    elif hasattr(tensor, "_known"):
        del tensor._known


class Meter(TorchDispatchMode):
    """Counts while it is entered; `tallies` by phase. Its cards' seconds are settled at every wait and phase's end."""

    def __init__(self) -> None:
        super().__init__()
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.times = 1
        """By how much everything that runs now is multiplied."""
        self.part, self.moved = "", defaultdict[tuple[str, str], float](float)
        """Which part of a decoder layer runs; bytes that elementwise operations move, by part and operation."""
        self.phase, self.unknown, self.seen = "", Unknown(), dict[Any, Any]()
        self.cards = list(CARDS.values())
        rate = np.array([[c.half, c.single, c.double] for c in self.cards])
        share = np.array([c.products for c in self.cards])[:, None]
        attention = np.array([c.attention for c in self.cards])
        self.rates = np.concatenate([rate[:, :1] * share, rate[:, 1:] * SINGLE], axis=1)
        self.attending = rate * attention[:, None]
        self.streaming = np.array([c.bandwidth * c.streaming for c in self.cards])
        self.launch = np.array([c.launch for c in self.cards])
        self.wait = np.array([c.wait for c in self.cards])
        self._open()

    def _open(self) -> None:
        self.busy, self.launched = np.zeros((len(self.cards), 3)), 0.0

    # What is counted.

    def kernel(
        self,
        kind: int,
        flops: float,
        moved: float,
        dtype: torch.dtype,
        launches: float = 1,
        least: float = 0.0,
        name: str = "",
    ) -> None:
        """One operation: `kind` indexes KINDS; it takes `least` seconds at least."""
        tally = self.tallies[self.phase]
        tally.flops, tally.bytes = tally.flops + self.times * flops, tally.bytes + self.times * moved
        tally.kernels += self.times * launches
        seconds = np.maximum(least, moved / self.streaming)
        if flops:
            column = {2: 0, 4: 1, 8: 2}.get(dtype.itemsize, 1)
            seconds = np.maximum(seconds, flops / (self.attending if kind == 1 else self.rates)[:, column])
        if kind == 2 and self.phase != "aside":
            self.moved[self.part, name] += self.times * moved
        self.busy[:, kind] += seconds
        self.launched += launches

    def settle(self, waits: int = 0) -> None:
        """The processor waits for the card: what it launched so far takes as long as the slower of both."""
        tally, busy = self.tallies[self.phase], self.busy.sum(axis=1)
        tally.seconds[:, :3] += self.times * self.busy
        tally.seconds[:, 3] += self.times * np.maximum(0, self.launched * self.launch - busy)
        tally.seconds[:, 4] += self.times * waits * self.wait
        tally.waits += self.times * waits
        self._open()

    def during(self, phase: str) -> AbstractContextManager[None]:
        """Count under a phase's name."""
        return self._with("phase", phase)

    def counted(self, call: Callable[[], object]) -> Tally:
        """What a call costs once, not added to anything but by what counts the call that it is part of."""
        self.settle()
        outer = self.tallies.pop("aside", None)
        with self.during("aside"), self.standing_for(1):
            call()
        found = self.tallies.pop("aside", Tally())
        if outer is not None:
            self.tallies["aside"] = outer
        return found

    def standing_for(self, times: int) -> AbstractContextManager[None]:
        """What runs inside counts so many times."""
        return self._with("times", times)

    @contextmanager
    def _with(self, name: str, value: Any) -> Iterator[None]:
        """An attribute that decides how operations are counted has another value inside."""
        self.settle()
        before = getattr(self, name)
        setattr(self, name, value)
        yield
        self.settle()
        setattr(self, name, before)

    def add(self, tally: Tally) -> None:
        """Count something that was counted before."""
        self.settle()
        self.tallies[self.phase] += tally * self.times

    # How operations are seen.

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [x for arg in (*args, *kwargs.values()) for x in (arg if isinstance(arg, (list, tuple)) else (arg,))]
        tensors = [x for x in tensors if isinstance(x, Tensor)]
        device = kwargs.get("device")
        if not any(x.device.type == "meta" for x in tensors) and (
            device is None or torch.device(device).type != "meta"
        ):
            return func(*args, **kwargs)
        if is_composite(func):  # inference mode shows what is made of other operations as one
            with self:
                return func.decompose(*args, **kwargs)
        if func is aten._local_scalar_dense.default:
            self.settle(waits=1)
            values = known(args[0])
            return (self.unknown.values(args[0]) if values is None else values).item()
        if func is aten._to_copy.default and device is not None:
            return self._moved(func, args[0], kwargs)
        values = [known(x) for x in tensors]
        if func in WAITING:
            self._waiting(func, args[0], values[0])
            return self._chosen(func, args, kwargs, values[0])
        key = key_of(func, args, kwargs)
        if key in self.seen:  # as before: the shape that comes out, and what it costs
            (shape, stride, dtype), cost = self.seen[key]
            self.kernel(*cost)
            return torch.empty_strided(shape, stride, dtype=dtype, device="meta")
        out = func(*args, **kwargs)
        outputs = [x for x in (out if isinstance(out, (list, tuple)) else (out,)) if isinstance(x, Tensor)]
        cost = cost_of(func, args, tensors, outputs)
        if cost:
            self.kernel(*cost)
        if key and cost and isinstance(out, Tensor) and out.dtype.is_floating_point and out.layout == torch.strided:
            self.seen[key] = (out.shape, out.stride(), out.dtype), cost
        self._follow(func, args, kwargs, tensors, values, outputs)
        return out

    def _moved(self, func: Any, source: Tensor, kwargs: dict[str, Any]) -> Tensor:
        """Between devices, or to another dtype on the same."""
        target, here = torch.device(kwargs["device"]).type, source.device.type
        if target == here:
            out = func(source, **kwargs)
            self.kernel(2, 0, size(source) + size(out), source.dtype, name="_to_copy")
            return out
        self.settle(waits=1)
        values = known(source)
        values = self.unknown.values(source) if values is None else values
        converted = values.to(kwargs.get("dtype") or source.dtype)
        if target == "cpu":
            return converted.clone()
        out = torch.empty_like(converted, device="meta")
        follow(out, converted)
        return out

    def _waiting(self, func: Any, source: Tensor, values: Tensor | None) -> None:
        """Operations whose result's size is not known before: the processor waits for it."""
        self.kernel(2, 0, PASSES[func] * size(source), source.dtype, PASSES[func])
        self.settle(waits=1)

    def _chosen(self, func: Any, args: Any, kwargs: Any, values: Tensor | None) -> Any:
        source = args[0]
        if values is None and func is aten.nonzero.default:
            count = self.unknown.count(source)
            values = torch.zeros(source.shape, dtype=torch.bool)
            values.view(-1)[:count] = True
        elif values is None:
            values = torch.arange(source.numel())
        out = func(values, *args[1:], **kwargs)
        outputs = []
        for result in out if isinstance(out, tuple) else (out,):
            outputs.append(torch.empty_like(result, device="meta"))
            follow(outputs[-1], result)
        return tuple(outputs) if isinstance(out, tuple) else outputs[0]

    def _follow(
        self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor], values: list[Any], outputs: list[Tensor]
    ) -> None:
        """Compute on the CPU what the outputs' values are, where all inputs' are followed."""
        if any(x.dtype.is_floating_point for x in outputs) or sum(x.numel() for x in outputs) > KNOWN:
            return
        followed = not any(value is None for value in values) and not any(x.dtype.is_floating_point for x in tensors)
        if not followed:
            for x in outputs:
                follow(x, None)
            return
        by_id = {id(x): value for x, value in zip(tensors, values, strict=True)}

        def real(arg: Any) -> Any:
            if isinstance(arg, Tensor):
                return by_id[id(arg)]
            return [real(x) for x in arg] if isinstance(arg, (list, tuple)) else arg

        given = {key: "cpu" if key == "device" else real(value) for key, value in kwargs.items()}
        out = func(*map(real, args), **given)
        results = [x for x in (out if isinstance(out, (list, tuple)) else (out,)) if isinstance(x, Tensor)]
        for x, result in zip(outputs, results, strict=True):
            follow(x, result)


class Kernels(TorchFunctionMode):
    """Attention as one kernel, as on a GPU, and tensors made of lists as copies to it.

    Causal attention without a mask counts the half that is seen (FlashAttention); with a mask all of it, and two
    kernels that turn the mask into what is added (memory-efficient attention).
    """

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.meter = meter

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention and args[0].device.type == "meta":
            return self._attend(*args, **kwargs)
        device = kwargs.get("device")
        if func in (torch.tensor, torch.as_tensor) and device is not None and torch.device(device).type == "meta":
            made = func(*args, **{**kwargs, "device": "cpu"})
            return made.to("meta")
        return func(*args, **kwargs)

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, is_causal: bool = False, **_: Any
    ) -> Tensor:
        rows, heads, n, width = query.shape
        pairs = n * key.shape[2]
        if is_causal and attn_mask is None:
            pairs = n * (n + 1) / 2
        moved = sum(map(size, (query, key, value))) + query.element_size() * rows * heads * n * value.shape[-1]
        flops = 2 * rows * heads * pairs * (width + value.shape[-1])
        self.meter.kernel(1, flops, moved, query.dtype, 1 if attn_mask is None else 3)
        return query.new_empty(rows, n, heads, value.shape[-1]).transpose(1, 2)
