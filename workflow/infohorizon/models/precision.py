"""What `dtype: auto` means on this machine. Importing it loads no torch."""

import functools

NATIVE = ("amx_bf16", "avx512_bf16", "bf16")  # what processors that multiply bfloat16 by themselves say


@functools.cache
def native_dtype(device: str = "cpu") -> str:
    """ "bfloat16" where the device ("auto": a GPU where there is one) multiplies it by itself, else "float32".

    Others take several times as long for bfloat16 as for float32.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = any(torch.cpu.get_capabilities().get(name) for name in NATIVE)
    return "bfloat16" if native else "float32"
