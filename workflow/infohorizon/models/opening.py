"""Opening a model: found, loaded, and compared with its own forward pass. Importing this loads no torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infohorizon.models.architectures import architecture
from infohorizon.models.registry import fetch

if TYPE_CHECKING:
    from infohorizon.models.base import VisionLanguageModel


def load(source: str, settings: Mapping[str, Any] | None = None) -> "VisionLanguageModel":
    """Load a model from a folder or hub id (downloaded where it is not in the local cache), and check it.

    Args:
        source: folder or hub id.
        settings: the model's entry in config.yaml (revision, dtype, device, prompt) and its protocol.
    Raises:
        UserError: no such folder, no model in it, an architecture this project has no file for, a known model with
            another tokenizer, or one whose layers, run one by one, are not what its own forward pass computes.
    """
    from infohorizon.models import known_ids, own_forward  # loads torch

    settings = dict(settings or {})
    folder = fetch(source, settings.get("revision"))
    model = architecture(source, folder).load(source, folder, settings)
    known_ids.check(source, model)
    own_forward.check(source, model)
    return model
