"""Fewer kernels: what a decoder layer does between its products is compiled (torch.compile) into a few of them.

A norm with its cast, the rotary embedding, silu · up and a residual sum are several kernels each, which read and write
every state again. Products, attention and caches stay as they are, and so do the numbers but for their last bits.
"""

from infohorizon.engine.language_model import LanguageModel
from infohorizon.errors import UserError

VARIANTS = 64  # of one function: one row or many, one token or many, and so on; beyond them layers run uncompiled


def compile_layers(model: LanguageModel) -> None:
    """Compile the layers, for any number of rows and tokens, when they first run.

    Raises:
        UserError: what compiles for the model's device is not installed.
    """
    if lacking := _lacking(model.embed.weight.device.type):
        raise UserError(f"`compile: true` needs {lacking}; install it, or set `compile: false`.")
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True  # what cannot be compiled runs as it is, and the log says so
    torch._dynamo.config.recompile_limit = VARIANTS
    torch._dynamo.config.allow_unspec_int_on_nn_module = True  # layers differ in their number alone
    for layer in model.layers:
        layer.compile(dynamic=True)  # type: ignore[attr-defined]


def _lacking(device: str) -> str | None:
    """What this machine lacks to compile for a device."""
    if device == "cpu":
        from torch._inductor.cpp_builder import get_cpp_compiler
        from torch._inductor.exc import InvalidCxxCompiler

        try:
            get_cpp_compiler()
        except InvalidCxxCompiler:
            return "a C++ compiler, such as g++"
        return None
    from torch.utils._triton import has_triton

    return None if has_triton() else "Triton and a GPU that it supports"
