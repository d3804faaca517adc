"""Rounding floors in the metadata of tables: measured once, on the first questions, where a model runs in 16 bit."""

from collections.abc import Callable
from typing import Any

from infohorizon import tables
from infohorizon.pipeline.inputs import Questions, model_record
from infohorizon.pipeline.job import Job
from infohorizon.tables.resumable import finished

SIXTEEN_BIT = ("float16", "bfloat16")


def rounding_metadata(
    job: Job,
    questions: Questions,
    groups: dict[str, str],
    layers: list[int],
    measure: Callable[[list[str]], dict[str, Any] | None],
) -> dict[str, Any]:
    """What the first shard's table records of a 16-bit model under `rounding_floor`; nothing for other models.

    Args:
        measure: ids of the first questions → what is recorded beside them and the layers; None where
            it cannot be measured.
    """
    few = list(questions.rows)[: job.params.cells["floor_questions"]] if job.wildcards.shard == "0" else []
    if not few or model_record(job)["dtype"] not in SIXTEEN_BIT:
        return {}
    known = recorded_floor(job.output[0], groups, {name: questions.digests[name] for name in few}, layers)
    if known is None and (found := measure(few)) is not None:
        known = {"questions": few, "layers": layers, **found}
    return {"rounding_floor": known} if known else {}


def recorded_floor(
    output: str, groups: dict[str, str], items: dict[str, str], layers: list[int]
) -> dict[str, Any] | None:
    """What the table before this one has recorded of these questions and layers, under the same settings and code."""
    previous = finished(output)
    if previous is None:
        return None
    digests, known = tables.read_cells(previous), tables.read_metadata(previous).get("rounding_floor")
    same = digests["groups"] == groups and all(digests["items"].get(name) == items[name] for name in items)
    if not known or not same or (known["questions"], known["layers"]) != (list(items), layers):
        return None
    return known
