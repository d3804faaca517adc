"""From a folder in hub format to transformers' objects: safetensors only, no remote code."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from infohorizon.engine.layers import ATTENTION
from infohorizon.errors import UserError


def weights(source: str, folder: Path, dtype: str, device: str) -> nn.Module:
    """The model with its weights, on a device ("auto": a GPU where there is one).

    Args:
        source: what error messages call the model.
    Raises:
        UserError: weights that are damaged, missing, of other shapes or pickled.
    """
    from transformers import AutoModelForImageTextToText

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"model {source} has no safetensors weights; pickled ones (*.bin) are not read.")
    part = "weights"
    try:
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            attn_implementation=ATTENTION,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are in the report
            output_loading_info=True,
            trust_remote_code=False,
        )
        model, report = loaded
        part = f"weights on device '{device}'"
        model = model.to(device)
    except SafetensorError as error:
        raise UserError(f"model {source}: a safetensors file is damaged ({error}): fetch it again.") from error
    except Exception as error:  # transformers raises nearly anything on a folder that does not fit
        if isinstance(error, KeyError) and error.args == (ATTENTION,):
            raise UserError(
                f"model {source}: its decoder's attention cannot be replaced in this version of transformers, so "
                "its class is not supported."
            ) from error
        raise UserError(f"model {source}: its {part} could not be loaded ({_reason(error)}).") from error
    other = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]
    if unfit := [*sorted(report["missing_keys"]), *other]:
        raise UserError(
            f"model {source}: weights are missing or of another shape than config.json says, {unfit[0]} among "
            f"{len(unfit)}: fetch the folder again."
        )
    return model


def processors(source: str, folder: Path) -> tuple[Any, Any]:
    """The tokenizer, with the folder's chat template wherever it stands, and the image processor.

    Raises:
        UserError: one of them is not there, or cannot be loaded.
    """
    from transformers import AutoImageProcessor, AutoTokenizer

    part = "tokenizer"
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        part = "image processor"
        image_processor = AutoImageProcessor.from_pretrained(folder, use_fast=False, trust_remote_code=False)
    except Exception as error:  # transformers raises nearly anything on a folder that does not fit
        raise UserError(f"model {source}: its {part} could not be loaded ({_reason(error)}).") from error
    # Where older and newer processors keep the template: tokenizers do not look there.
    for name in ("processor_config.json", "chat_template.json"):
        if (file := folder / name).is_file():
            tokenizer.chat_template = json.loads(file.read_text()).get("chat_template", tokenizer.chat_template)
    return tokenizer, image_processor


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n")[0].split(". ")[0].rstrip(".: ") or type(error).__name__
