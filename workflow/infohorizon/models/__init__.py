"""Models by their transformers `model_type`; a new architecture is one file and one line here."""

import json
from pathlib import Path
from typing import Any

from infohorizon.download import is_local, snapshot
from infohorizon.errors import UserError
from infohorizon.models.base import Encoded, VisionLanguageModel, load_parts
from infohorizon.models.llava import Llava
from infohorizon.models.qwen2_5_vl import Qwen25VL

ARCHITECTURES: dict[str, type[VisionLanguageModel]] = {"llava": Llava, "qwen2_5_vl": Qwen25VL}


def load(source: str, settings: dict[str, Any]) -> VisionLanguageModel:
    """Load a model from a folder or hub id (downloaded where it is not in the local cache).

    Args:
        source: folder or hub id.
        settings: the model's entry in config.yaml: revision, dtype, device, prompt, min_pixels, max_pixels.
    Raises:
        UserError: no such folder, no model in it, or an architecture this project has no file for.
    """
    folder = Path(source).expanduser() if is_local(source) else snapshot(source, settings.get("revision"))
    try:
        kind = json.loads((folder / "config.json").read_text())["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{source} holds no model: it needs a config.json with a `model_type`, as `save_pretrained` writes it."
        ) from error
    if kind not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise UserError(f"model {source} is of type '{kind}'; known are {known} (see CONTRIBUTING.md).")
    parts = load_parts(source, folder, settings.get("dtype", "float32"), settings.get("device", "auto"))
    return ARCHITECTURES[kind](*parts, settings)


__all__ = ["ARCHITECTURES", "Encoded", "VisionLanguageModel", "load"]
