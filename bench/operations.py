"""What PyTorch's operations cost: bytes, FLOPs and kernels from the shapes that go in and come out."""

from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
BATCHED = {aten.bmm.default, aten.baddbmm.default}
PRODUCTS = {aten.mm.default: (0, 1), aten.addmm.default: (1, 2), aten.bmm.default: (0, 1), aten.baddbmm.default: (1, 2)}
# What is made on the way costs nothing: no kernel runs.
FREE = {
    aten.empty.memory_format, aten.empty_strided.default, aten.new_empty.default, aten.empty_like.default,
    aten.new_empty_strided.default, aten._reshape_alias.default, aten._unsafe_view.default, aten.detach.default,
    aten.lift_fresh.default, aten.alias.default, aten.resize_.default, aten._has_same_storage_numel.default,
}  # fmt: skip
# Read as much as they give, not all of their input.
GATHERS = {aten.index.Tensor, aten.index_select.default, aten.embedding.default, aten.gather.default}
# Kernels of one call, and how often they pass over their data (radix sort; a search in several steps).
PASSES = {
    aten.sort.stable: 6, aten.sort.default: 6, aten.topk.default: 4, aten._unique2.default: 8, aten.nonzero.default: 3,
    aten.repeat_interleave.Tensor: 2, aten.unique_consecutive.default: 3,
}  # fmt: skip
WAITING = {
    aten.nonzero.default, aten._unique2.default, aten.repeat_interleave.Tensor, aten.unique_consecutive.default,
}  # fmt: skip
EIGENVALUES = 50e9
"""FLOP/s of cuSOLVER's dense symmetric solvers on matrices of a few hundred rows, which hardly fill a card; assumed."""


def size(tensor: Tensor) -> int:
    """Bytes behind a tensor; what is repeated by a stride of 0 is there once."""
    return tensor.element_size() * prod(n for n, step in zip(tensor.shape, tensor.stride(), strict=True) if step)


def cost(func: Any, args: Any, tensors: list[Tensor], outputs: list[Tensor]) -> tuple[Any, ...] | None:
    """What `kernel` takes; None where none runs."""
    if func in FREE or is_view(func) or not outputs:
        return None
    dtype, written = outputs[0].dtype, sum(map(size, outputs))
    moved = written + sum(size(x) for x in tensors if x.device.type == "meta")
    if func in PRODUCTS:
        a, b = (args[i] for i in PRODUCTS[func])
        return int(func in BATCHED), 2 * a.numel() * b.shape[-1], moved, a.dtype
    if func is aten.convolution.default:
        return 0, 2 * outputs[0].numel() * args[1][0].numel(), moved, dtype
    if func is aten._linalg_eigh.default:
        return 2, 0, moved, dtype, 40, 4 / 3 * args[0].shape[-1] ** 3 / EIGENVALUES
    if func in GATHERS:
        return 2, 0, 2 * written, dtype, 1, 0.0, "gather"
    passes, name = PASSES.get(func, 1), func._opname
    if func is aten.cat.default and len(args) > 1 and args[1] in (-1, outputs[0].ndim - 1):
        name = "halves"  # of rotary embeddings
    return 2, 0, passes * moved, dtype, passes, 0.0, name


def key_of(func: Any, args: Any, kwargs: Any) -> Any:
    """What an operation's cost and the shape of its result depend on; None where it changes its input or is a view."""
    if func in FREE or is_view(func) or func._schema.is_mutable:
        return None
    try:
        key = func, _plain(args), tuple((name, _plain(value)) for name, value in kwargs.items())
        hash(key)
    except TypeError:
        return None
    return key


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype, value.device.type
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value


@cache
def is_composite(func: Any) -> bool:
    """Whether an operation is made of others on every device."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


@cache
def is_view(func: Any) -> bool:
    """Whether an operation gives a view of its input, by its schema: an alias that is not written to."""
    aliases = [result.alias_info for result in func._schema.returns]
    return bool(aliases) and all(alias is not None and not alias.is_write for alias in aliases)
