"""A schedule on a model: what all calls of generate have in common, checked before the first."""

from pathlib import Path
from typing import Any

from torch import Tensor

from infohorizon import models
from infohorizon.engine.language_model import limits_of
from infohorizon.engine.layers import misfit
from infohorizon.errors import UserError
from infohorizon.models.geometry import geometry
from infohorizon.pruning.row import Rope
from infohorizon.pruning.twin import Twin
from infohorizon.strategies.schedule import Schedule

ANYWAY = "leave `model` out of the schedule to use it anyway."
COMMIT = 40  # hex digits


class Plan:
    """Which strategy acts at which layer of a model, and what of the model a call has to know.

    Args:
        model: transformers' model, of a class that this project knows.
        seed: seeds random draws, together with each row's question.
    Raises:
        UserError: another class of model, or one that the schedule was not made for.
    """

    def __init__(self, model: Any, schedule: Schedule, seed: int) -> None:
        check_model(model, schedule)
        self.schedule, self.seed = schedule, seed
        self.strategies = [stage.create() for stage in schedule.stages]
        self.stage_at = {stage.layer: number for number, stage in enumerate(schedule.stages)}
        # Which layers below a stage's own it may read: the one before, or all of them.
        self.read = {
            stage.layer: set(range(0 if stage.reads_elsewhere else max(stage.layer - 1, 0), stage.layer))
            for stage in schedule.stages
        }
        self.decoder = model.model.language_model
        self.depth = len(self.decoder.layers)
        self.image_token_id = model.config.image_token_id
        self.limits = limits_of(self.decoder)
        rope = self.decoder.config.to_dict()
        rope = rope.get("rope_parameters") or rope.get("rope_scaling") or {}
        self.directions = 3 if "mrope_section" in rope else 1
        self.shape = geometry(model.config.to_dict())
        self.twin = Twin(model)

    @property
    def attention(self) -> str:
        """transformers' name of the decoder's attention."""
        return self.decoder.config._attn_implementation

    def rope(self, states: Tensor, places: Tensor) -> Rope:
        """cos and sin of places (B, n), for M-RoPE the same in all three directions."""
        return self.decoder.rotary_emb(states, places.expand(3, -1, -1) if self.directions == 3 else places)


def check_model(model: Any, schedule: Schedule) -> None:
    """Refuse a model that cannot be pruned, or that a schedule was not made for.

    Raises:
        UserError: one sentence that says which.
    """
    name, kind = type(model).__name__, getattr(getattr(model, "config", None), "model_type", None)
    parts: Any = getattr(model, "model", None)
    if kind not in models.REGISTRY or not hasattr(parts, "language_model") or not hasattr(model, "generate"):
        known = ", ".join(sorted(models.REGISTRY))
        raise UserError(f"prune takes transformers' …ForConditionalGeneration of the types {known}; this is a {name}.")
    if fault := misfit(parts.language_model):
        raise UserError(f"prune cannot run this {name}: {fault}.")
    depth = len(parts.language_model.layers)
    if schedule.depth not in (None, depth):
        raise UserError(f"the schedule is for a model of {schedule.depth} layers, but this {name} has {depth}.")
    if schedule.stages and schedule.stages[-1].layer >= depth:
        raise UserError(f"the schedule has a stage at layer {schedule.stages[-1].layer}, but this {name} has {depth}.")
    for stage in schedule.stages:
        if stage.informed:
            raise UserError(f"strategy '{stage.strategy}' reads the label, which is unknown here: use another one.")
    deep = len(getattr(model.config.vision_config, "deepstack_visual_indexes", None) or ())
    if schedule.stages and schedule.stages[0].layer < deep:
        raise UserError(f"this {name} adds to its visual tokens up to layer {deep - 1}: begin at layer {deep}.")
    _check_source(model, schedule)


def _check_source(model: Any, schedule: Schedule) -> None:
    """Refuse another model or revision, as far as the model knows where it is from."""
    source, revision = model.config._name_or_path, getattr(model.config, "_commit_hash", None)
    if schedule.source and source and not _same(schedule.source, source):
        raise UserError(f"the schedule is for model {schedule.source}, but this is {source}; {ANYWAY}")
    wanted = schedule.revision or ""
    if len(wanted) == COMMIT and revision and wanted != revision:
        raise UserError(f"the schedule is for revision {wanted}, but this model is of revision {revision}; {ANYWAY}")


def _same(one: str, other: str) -> bool:
    """Whether two sources may be the same: a hub id or folder, or a copy of it in a folder of the same name."""
    return one == other or Path(one).expanduser().resolve().name == Path(other).expanduser().resolve().name
