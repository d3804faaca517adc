"""How large a study's benchmarks and models are, from what is already here: else from the catalogue."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from infohorizon import tables
from infohorizon.errors import UserError
from infohorizon.models.geometry import Geometry, geometry
from infohorizon.models.hub import is_local
from infohorizon.study import catalogue
from infohorizon.study.catalogue import Size


class Tables(NamedTuple):
    """Files of a benchmark's two tables."""

    questions: str
    images: str


def benchmark_size(name: str, settings: Mapping[str, Any], here: Tables | None) -> tuple[Size, str]:
    """A benchmark's size and how it is known: counted in its tables, if they are here already, or assumed."""
    task = settings["task"]
    if here is not None:
        images = tables.read(here.images, "images", ["width", "height"])
        pixels = int((images["width"].cast(int) * images["height"].cast(int)).mean())
        questions = len(tables.read(here.questions, "benchmark", ["question_id"]))
        assumed = catalogue.BENCHMARKS.get(task, catalogue.UNKNOWN)
        return assumed._replace(questions=questions, images=len(images), pixels=pixels), "counted"
    if task in catalogue.BENCHMARKS:
        return _limited(catalogue.BENCHMARKS[task], settings.get("limit")), "from the catalogue"
    return _limited(catalogue.UNKNOWN, settings.get("limit")), f"a guess until the table {name}.arrow is there"


def _limited(size: Size, limit: int | None) -> Size:
    """The part of a benchmark that `limit` leaves."""
    if limit is None or limit >= size.questions:
        return size
    return size._replace(questions=limit, images=math.ceil(size.images * limit / size.questions))


def model_geometry(name: str, settings: Mapping[str, Any]) -> Geometry:
    """A model's geometry, from its config.json in a folder or the hub's cache, else from the catalogue.

    Raises:
        UserError: a hub model that is neither downloaded nor in the catalogue, or a config.json that lacks a size.
    """
    source = settings["source"]
    if (file := _config_file(source, settings.get("revision"))) is not None:
        config = json.loads(file.read_text(encoding="utf-8"))
    elif source in catalogue.MODELS:
        config = catalogue.MODELS[source]
    else:
        raise UserError(
            f"models.{name}: the size of {source} is not known before its files are here; download them with "
            f"`snakemake --until fetch_model`, or give a folder."
        )
    try:
        return geometry(config)
    except KeyError as error:
        raise UserError(f"models.{name}: config.json of {source} lacks {error}, so its size is not known.") from error


def _config_file(source: str, revision: str | None) -> Path | None:
    """The model's config.json in its folder, or in the hub's cache if it is there."""
    if is_local(source):
        return Path(source).expanduser() / "config.json"
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(cached) if isinstance(cached, str) else None
