"""A pretend accelerator for machines without one: tensors on device `pretend`, computed on the CPU by CUDA's rules.

torch's PrivateUse1 slot is given a backend in Python. A tensor there is a wrapper around a CPU tensor; every operation
on it arrives in `_run`, which refuses what CUDA refuses (rules.py), counts what would be launched and waited for, and
lets memory run out where a test wants it. The backend is registered for the whole process, and for good.
"""

from typing import Any

import torch
import torch.utils._device
from torch.utils import _pytree as pytree
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from devices.ledger import memory, open_counts
from devices.rules import COPIES, DeviceMixed, check, name_of, waits

NAME = "pretend"
aten = torch.ops.aten
FREE = {
    aten.empty.memory_format, aten.empty_strided.default, aten.empty_like.default, aten.new_empty.default,
    aten.detach.default, aten.alias.default, aten._unsafe_view.default, aten.lift_fresh.default,
    aten._local_scalar_dense.default,
}  # fmt: skip
"""Operations that start no kernel, beside views."""


class _Backend(_DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16, torch.float32]

    def is_autocast_enabled(self) -> bool:
        return False


_setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
DEVICE = torch.device(NAME, 0)


class Accelerated(torch.Tensor):
    """A tensor on the accelerator; `held` is its CPU tensor."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "Accelerated":
        memory.hold(held)
        with torch.inference_mode(False):  # a view of a parameter must be a normal tensor in inference mode, too
            out = torch.Tensor._make_wrapper_subclass(
                cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
                device=DEVICE, requires_grad=False,
            )  # fmt: skip
        out.held = held
        return out

    def __repr__(self, **_: Any) -> str:
        return f"Accelerated({self.held!r})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.dim() == 0 else self.held, spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        copy: Any = Accelerated(self.held.clone())
        copy = torch.nn.Parameter(copy, self.requires_grad) if isinstance(self, torch.nn.Parameter) else copy
        memo[id(self)] = copy
        return copy

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {NAME} device type tensor to numpy. Use Tensor.cpu() first.")

    # A list as an index becomes a tensor on the device inside torch, by the road that torch.tensor takes (see below).
    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(_without_lists(index))

    # CUDA alone takes numbers that are written as tensors on the CPU.
    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, (bool, int, float)):
            value = _tensor(value, dtype=self.dtype)
        super().__setitem__(_without_lists(index), value)

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def on_device(value: Any) -> bool:
    return isinstance(value, Accelerated)


def _without_lists(index: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple(_tensor(part) if isinstance(part, list) else part for part in parts)
    return parts if isinstance(index, tuple) else parts[0]


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation that takes or makes tensors on the accelerator."""
    wrappers: dict[int, Accelerated] = {}
    others: list[Any] = []  # tensors and generators of the CPU
    plain_args = _plain(args, wrappers, others)
    plain_kwargs = {name: _plain(value, wrappers, others) for name, value in kwargs.items()}
    if wrappers and others:
        check(func, args, kwargs, on_device)
    target = None if kwargs.get("device") is None else torch.device(kwargs["device"])
    here = bool(wrappers) if target is None else target.type == NAME
    if func is aten.copy_.default:
        here = on_device(args[0])
    if here and any(isinstance(value, torch.Generator) for value in others):
        raise DeviceMixed(f"{name_of(func)}: expected a generator on '{NAME}' but found one on 'cpu'")
    if target is not None:
        plain_kwargs["device"] = "cpu"
    if here:
        plain_kwargs.pop("pin_memory", None)
    for counts in open_counts:
        counts.waiting[name_of(func)] += waits(func, args, here, on_device)
        counts.kernels[name_of(func)] += here and not func.is_view and func not in FREE
    out = func(*plain_args, **plain_kwargs)
    if func.overloadpacket in COPIES and out is plain_args[0] and on_device(args[0]) != here:
        out = out.clone()
    for wrapper in wrappers.values():
        if wrapper.shape != wrapper.held.shape:
            raise NotImplementedError(f"{name_of(func)} resizes a tensor on {NAME}: make it whole, see WHOLE")
    if not here:
        return out
    return (
        _wrapped(out, wrappers)
        if isinstance(out, torch.Tensor)
        else pytree.tree_map(lambda value: _wrapped(value, wrappers), out)
    )


def _plain(value: Any, wrappers: dict[int, Accelerated], others: list[Any]) -> Any:
    """Arguments with CPU tensors in place of those on the accelerator; which tensors there are is noted."""
    if isinstance(value, Accelerated):
        wrappers[id(value.held)] = value
        return value.held
    if isinstance(value, (list, tuple)):
        return type(value)([_plain(part, wrappers, others) for part in value])
    if isinstance(value, (torch.Tensor, torch.Generator)):
        others.append(value)
    return value


def _wrapped(value: Any, wrappers: dict[int, Accelerated]) -> Any:
    if not isinstance(value, torch.Tensor) or on_device(value):
        return value
    return wrappers[id(value)] if id(value) in wrappers else Accelerated(value)


def _made(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Operations without a tensor on the device yet: torch.zeros(…, device="pretend"), copies from the CPU."""
    return _run(func, args, kwargs)


_fallback = torch.library.Library("_", "IMPL")
_fallback.fallback(_made, "PrivateUse1")
# What changes the shape of a tensor that it has made: a wrapper cannot follow, so these are one operation.
WHOLE = (
    "arange", "arange.start", "arange.start_step", "randperm", "randperm.generator", "eye", "eye.m", "linspace",
    "matmul",
)  # fmt: skip
_whole = torch.library.Library("aten", "IMPL")
for _operation in WHOLE:
    _packet, _, _overload = _operation.partition(".")
    _func = getattr(getattr(aten, _packet), _overload or "default")
    _whole.impl(_operation, lambda *args, _func=_func, **kwargs: _run(_func, args, kwargs), "PrivateUse1")

# torch.tensor(…, device=…) in inference mode gives the fallback an operation without a Python handle: two steps.
_tensor, _as_tensor = torch.tensor, torch.as_tensor
torch.utils._device._device_constructors()  # cached with the originals, for `with torch.device(…)`


def _in_two_steps(make: Any) -> Any:
    def made(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> torch.Tensor:
        if isinstance(data, (list, tuple)):
            data = pytree.tree_map(lambda part: part.tolist() if on_device(part) else part, data)
        out = make(data, *args, **kwargs)
        return out if device is None else out.to(device)

    return made


torch.tensor, torch.as_tensor = _in_two_steps(_tensor), _in_two_steps(_as_tensor)

# `parameter.data = …` would change the wrapper, not what it holds: modules that are converted get new parameters.
torch.__future__.set_overwrite_module_params_on_conversion(True)
