"""Models by their transformers `model_type`; a new architecture is one file and one line here."""

from pathlib import Path
from typing import Any

from infohorizon.errors import UserError
from infohorizon.models.base import Encoded, VisionLanguageModel, load_parts
from infohorizon.models.llava import Llava
from infohorizon.models.qwen2_5_vl import Qwen25VL

ARCHITECTURES: dict[str, type[VisionLanguageModel]] = {"llava": Llava, "qwen2_5_vl": Qwen25VL}


def load(source: str, settings: dict[str, Any]) -> VisionLanguageModel:
    """Load a model from a folder or hub id.

    Args:
        source: folder or hub id.
        settings: the model's entry in config.yaml: revision, dtype, device, prompt, min_pixels, max_pixels.
    Raises:
        UserError: no such folder, no model in it, or an architecture this project has no file for.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText

    looks_local = source.startswith((".", "/", "~")) or Path(source).exists()
    if looks_local and not (Path(source) / "config.json").is_file():
        raise UserError(f"{source} holds no model: it needs a config.json as `save_pretrained` writes it.")
    revision = settings.get("revision")
    try:
        config = AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(f"model {source} could not be loaded: {str(error).splitlines()[0]}") from error
    if config.model_type not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise UserError(f"model {source} is of type '{config.model_type}'; known are {known} (see CONTRIBUTING.md).")
    parts = load_parts(
        source, revision, settings.get("dtype", "float32"), settings.get("device", "auto"), AutoModelForImageTextToText
    )
    return ARCHITECTURES[config.model_type](*parts, settings)


__all__ = ["ARCHITECTURES", "Encoded", "VisionLanguageModel", "load"]
