"""The registry of architectures (transformers' `model_type`): one line each. Importing it loads no torch."""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infohorizon.errors import UserError
from infohorizon.models.hub import is_local, snapshot

if TYPE_CHECKING:
    from infohorizon.models.base import VisionLanguageModel

# model_type → module:class in this folder.
REGISTRY = {"llava": "llava:Llava", "qwen2_5_vl": "qwen2_5_vl:Qwen25VL"}


def load(source: str, settings: Mapping[str, Any] | None = None) -> "VisionLanguageModel":
    """Load a model from a folder or hub id (downloaded where it is not in the local cache), and check it.

    Args:
        source: folder or hub id.
        settings: the model's entry in config.yaml: revision, dtype, device, prompt, min_pixels, max_pixels.
    Raises:
        UserError: no such folder, no model in it, an architecture this project has no file for, or one whose layers,
            run one by one, are not what its own forward pass computes.
    """
    from infohorizon.models import own_forward  # loads torch

    settings = dict(settings or {})
    folder = fetch(source, settings.get("revision"))
    model = architecture(source, folder).load(source, folder, settings)
    own_forward.check(source, model)
    return model


def fetch(source: str, revision: str | None = None) -> Path:
    """The folder of a model: a local one, or the hub's in the local cache, downloaded where it is not there.

    Raises:
        UserError: what `hub.snapshot` raises; a class that this project has no file for, before it is downloaded.
    """
    return Path(source).expanduser() if is_local(source) else snapshot(source, revision, model_type)


def architecture(source: str, folder: Path) -> "type[VisionLanguageModel]":
    """The class that knows a folder's model."""
    module, cls = REGISTRY[model_type(source, folder / "config.json")].split(":")
    return getattr(import_module(f"{__package__}.{module}"), cls)


def model_type(source: str, file: Path) -> str:
    """transformers' name of a model's class, from its config.json. Loads no torch.

    Raises:
        UserError: no config.json, or one of a model that this project cannot run.
    """
    try:
        config = json.loads(file.read_text())
        kind = config["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{source} holds no model: it needs a config.json with a `model_type`, as `save_pretrained` writes it."
        ) from error
    if "mm_vision_tower" in config:
        raise UserError(
            f"model {source} is in the layout of LLaVA's own code (`mm_vision_tower`): use the form that transformers "
            "reads, as the llava-hf models on the hub are."
        )
    if kind not in REGISTRY:
        known = ", ".join(sorted(REGISTRY))
        raise UserError(f"model {source} is of type '{kind}'; known are {known} (see CONTRIBUTING.md).")
    if quantised := config.get("quantization_config"):
        method = quantised.get("quant_method", "an unnamed method") if isinstance(quantised, dict) else quantised
        raise UserError(f"model {source} is quantised ({method}): use the weights that are not.")
    return kind
