"""From a model's folder to the class that knows its architecture. Importing this loads no torch."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from infohorizon.models.registry import REGISTRY, model_type

if TYPE_CHECKING:
    from infohorizon.models.base import VisionLanguageModel


def architecture(source: str, folder: Path) -> "type[VisionLanguageModel]":
    """The class for the model in a folder; `source` is what error messages call it.

    Raises:
        UserError: no config.json, or one of a model that this project cannot run.
    """
    return architecture_of(model_type(source, folder / "config.json"))


def architecture_of(kind: str) -> "type[VisionLanguageModel]":
    """The class for a model type of the registry."""
    module, cls = REGISTRY[kind].split(":")
    return getattr(import_module(f"{__package__}.{module}"), cls)
