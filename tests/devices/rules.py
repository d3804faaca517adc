"""What CUDA refuses, and where its host waits, for operations that take tensors on the accelerator and on the CPU."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

aten = torch.ops.aten

COPIES = {aten.to, aten._to_copy}
"""Operations that give a tensor, where asked on another device."""

INDEXING = {
    aten.index.Tensor, aten._unsafe_index.Tensor, aten.index_put.default, aten.index_put_.default,
    aten._index_put_impl_.default,
}  # fmt: skip
SCALARS_OF_THE_CPU = {
    aten.where.self, aten.masked_fill.Tensor, aten.masked_fill_.Tensor, aten.fill_.Tensor, aten.isin.Tensor_Tensor,
    aten.div.Tensor_mode, aten.lerp.Tensor,
}  # fmt: skip
"""Beside elementwise operations: what takes a 0-dimensional CPU tensor with tensors on the accelerator."""

WAITING = {
    aten._local_scalar_dense.default, aten.item.default, aten.is_nonzero.default, aten.equal.default,
    aten.nonzero.default, aten.masked_select.default, aten._unique2.default, aten.unique_dim.default,
    aten.unique_consecutive.default, aten.repeat_interleave.Tensor, aten.bincount.default, aten._linalg_eigh.default,
    aten._linalg_check_errors.default, aten.linalg_eigvalsh.default, aten.linalg_eigh.default,
    aten.linalg_solve.default, aten.linalg_cholesky.default,
}  # fmt: skip
"""Operations whose result, its size or an error of theirs the host reads."""

Test = Callable[[Any], bool]


class DeviceMixed(RuntimeError):
    """What CUDA says of tensors on two devices."""


def check(func: Any, args: Sequence[Any], kwargs: dict[str, Any], on_device: Test) -> None:
    """Refuse what CUDA refuses: tensors of two devices, a CPU's generator for a draw on the accelerator.

    CPU indices may index a tensor on the accelerator, 0-dimensional CPU tensors may take part in elementwise
    operations, and copies may cross.

    Raises:
        DeviceMixed: says which operation, and where its tensors are.
    """
    tensors = _tensors((args, kwargs))
    places = {on_device(tensor) for tensor in tensors}
    if len(places) < 2 or func is aten.copy_.default:
        return
    name = name_of(func)
    if func in INDEXING:
        if not on_device(args[0]) and any(map(on_device, _tensors(args[1]))):
            raise DeviceMixed(f"{name}: indices should be on the same device as the indexed tensor (cpu)")
        if len(args) > 2 and on_device(args[2]) != on_device(args[0]) and args[2].dim() > 0:
            raise DeviceMixed(f"{name}: expected all tensors to be on the same device, values are on another")
        return
    scalars = torch.Tag.pointwise in func.tags or func in SCALARS_OF_THE_CPU
    strangers = [tensor for tensor in tensors if not on_device(tensor) and not (scalars and tensor.dim() == 0)]
    if strangers or not all(map(on_device, _written(func, args, kwargs))):
        found = ", ".join(f"{'device' if on_device(tensor) else 'cpu'}{tuple(tensor.shape)}" for tensor in tensors)
        raise DeviceMixed(f"{name}: expected all tensors to be on the same device, found {found}")


def waits(func: Any, args: Sequence[Any], here: bool, on_device: Test) -> bool:
    """Whether the host waits for the accelerator: it reads something, or copies something there that is not pinned.

    Args:
        here: whether the result is on the accelerator.
    """
    if func in WAITING:
        return any(map(on_device, _tensors(args)))
    if func.overloadpacket in COPIES:
        return on_device(args[0]) != here
    if func is aten.copy_.default:
        return on_device(args[1]) != here and not (here and args[1].dim() == 0)  # a number is written without a copy
    if func not in INDEXING or not on_device(args[0]):
        return False
    indices = _tensors(args[1])
    masks = [index for index in indices if index.dtype in (torch.bool, torch.uint8)]
    number = len(args) > 2 and args[2].dim() == 0 and not on_device(args[2])
    if number and len(masks) == len(indices) == 1 and on_device(masks[0]):
        return False  # x[mask] = 0 fills
    return bool(masks) or number or not all(map(on_device, indices))


def name_of(func: Any) -> str:
    return str(func).removeprefix("aten.")


def _tensors(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _written(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The tensors that an operation writes to."""
    schema = func._schema.arguments
    given = [*zip(schema, args, strict=False), *((one, kwargs[one.name]) for one in schema if one.name in kwargs)]
    written = [value for one, value in given if one.alias_info is not None and one.alias_info.is_write]
    return _tensors(written)
