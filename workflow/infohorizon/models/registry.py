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
    """Load a model from a folder or hub id (downloaded where it is not in the local cache).

    Args:
        source: folder or hub id.
        settings: the model's entry in config.yaml: revision, dtype, device, prompt, min_pixels, max_pixels.
    Raises:
        UserError: no such folder, no model in it, or an architecture this project has no file for.
    """
    settings = dict(settings or {})
    folder = Path(source).expanduser() if is_local(source) else snapshot(source, settings.get("revision"))
    try:
        kind = json.loads((folder / "config.json").read_text())["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{source} holds no model: it needs a config.json with a `model_type`, as `save_pretrained` writes it."
        ) from error
    if kind not in REGISTRY:
        known = ", ".join(sorted(REGISTRY))
        raise UserError(f"model {source} is of type '{kind}'; known are {known} (see CONTRIBUTING.md).")
    from infohorizon.models import own_forward  # loads torch

    module, cls = REGISTRY[kind].split(":")
    architecture: type[VisionLanguageModel] = getattr(import_module(f"{__package__}.{module}"), cls)
    model = architecture.load(source, folder, settings)
    own_forward.check(source, model)
    return model
