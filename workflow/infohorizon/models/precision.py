"""What `dtype: auto` means. Importing it loads no torch."""

NATIVE = ("amx_bf16", "avx512_bf16", "bf16")  # what PyTorch calls a processor's instructions for bfloat16


def resolved(dtype: str, device: str = "auto") -> str:
    """The dtype that a model's entry asks for; auto: bfloat16 where the device has instructions for it, else float32.

    Others take several times as long for bfloat16 as for float32.

    Args:
        device: a name that PyTorch knows, or "auto", a GPU where there is one.
    """
    if dtype != "auto":
        return dtype
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if torch.device(device).type == "cpu":  # older versions of PyTorch do not say what it can do
        known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        native = any(known.get(name) for name in NATIVE)
    else:
        native = not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if native else "float32"
