"""Which protocol a model is asked under on a benchmark: the configuration's choice, known before any job. No torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infohorizon import benchmarks
from infohorizon.benchmarks.protocols import FAMILIES, PROTOCOLS, protocol, scorer_of
from infohorizon.errors import UserError, suggestion
from infohorizon.models.hub import is_local
from infohorizon.study.catalogue import MODELS

Config = Mapping[str, Any]
DEFAULT = "paper"
VISION = ("image", "min_pixels", "max_pixels")
"""Settings of a protocol that change what the vision tower sees."""


def protocol_of(config: Config, model: str, benchmark: str) -> dict[str, Any]:
    """The protocol of a model on a benchmark as a plain dict (benchmarks.protocols.Protocol and its fingerprint).

    `protocol` of the model is a name, or a dictionary with `name` and settings of its own; `protocol` of the benchmark
    is also such a dictionary and takes precedence; pixel limits may also be in the model's entry. `options` of the
    benchmark go before the scorer that the protocol names.

    Raises:
        UserError: no such protocol, or a family that is not known, or pixel limits that contradict each other.
    """
    settings, asked = config["models"][model], config["benchmarks"][benchmark]
    pixels = {key: settings[key] for key in VISION[1:] if key in settings}
    chosen = _dictionary(settings.get("protocol", DEFAULT)) | pixels | _dictionary(asked.get("protocol", {}))
    name = chosen.pop("name", DEFAULT)
    if name not in PROTOCOLS:
        raise UserError(f"models.{model}.protocol: there is no '{name}': {suggestion(name, PROTOCOLS)}")
    family, options = family_of(model, settings), asked.get("options") or {}
    if scorer := scorer_of(name, family, asked["task"]):
        options = {"scorer": scorer, **options}
    task = benchmarks.create(asked["task"], options)
    chosen |= {"chat": settings.get("prompt", "chat_template"), "options": task.options}
    found = protocol(name, family, task.name, task.max_new_tokens, chosen)
    if (found.min_pixels or 1) > (found.max_pixels or float("inf")):
        raise UserError(
            f"models.{model} on {benchmark}: min_pixels ({found.min_pixels}) exceeds max_pixels ({found.max_pixels})."
        )
    return found.as_dict()


def family_of(name: str, settings: Config) -> str:
    """transformers' model_type of a model: from its folder's config.json, from `type`, or from the catalogue.

    Raises:
        UserError: a hub model that none of these knows.
    """
    if is_local(settings["source"]):
        file = Path(settings["source"]).expanduser() / "config.json"
        known = json.loads(file.read_text()).get("model_type") if file.is_file() else None
    else:
        known = settings.get("type") or MODELS.get(settings["source"], {}).get("model_type")
    if known not in FAMILIES:
        raise UserError(
            f"models.{name}.type: the type of {settings['source']} is {known or 'not known'}, and protocols differ by "
            f"type: set it to one of {', '.join(FAMILIES)}."
        )
    return known


def _dictionary(chosen: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"name": chosen} if isinstance(chosen, str) else dict(chosen)
