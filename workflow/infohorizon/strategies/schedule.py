"""A pruning schedule, and schedule.json, the file that holds one. Importing this loads no torch.

    {"version": 1,
     "stages": [{"layer": 2, "strategy": "fastv", "keep": 0.5},
                {"layer": 20, "strategy": "random", "options": {"block": 2}, "keep": 64}],
     "positions": "original",
     "model": {"source": "llava-hf/llava-1.5-7b-hf", "revision": "<commit>", "depth": 32},
     "protocol": {"name": "paper"},
     "evidence": {"metric": 0.61, "of": "results/metrics.arrow"}}

`model`, `protocol` and `evidence` may be left out; `options` are those of the strategy (config.yaml, `strategies:`).
`protocol` and `evidence` are for the reader: what the answers were asked with, and what the choice of stages rests on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from infohorizon import schema
from infohorizon.atomic import write_text
from infohorizon.errors import UserError
from infohorizon.strategies import registry

if TYPE_CHECKING:
    from infohorizon.strategies.base import Strategy

VERSION = 1
SCHEMA = Path(__file__).with_name("schedule.schema.yaml")


class Stage(NamedTuple):
    """At the input of `layer`, `strategy` leaves `keep` visual tokens (a fraction is of the image's tokens).

    Attributes:
        options: of the strategy, where its name is one of the registry or a Python file's path.
    """

    layer: int
    strategy: str
    keep: int | float
    options: Mapping[str, Any] | None = None

    def create(self) -> "Strategy":
        """The strategy with its options.

        Raises:
            UserError: there is no such strategy, or it takes other options.
        """
        strategy = registry.create(self._name, self._settings)
        strategy.name = self.strategy
        return strategy

    @property
    def entry(self) -> registry.Entry:
        """The facts about the strategy.

        Raises:
            UserError: there is no such strategy.
        """
        return registry.entry(self._name, self._settings)

    def first_layer(self, depth: int | None) -> int:
        """The lowest layer at which the strategy can act; a fraction of an unknown depth says nothing.

        Raises:
            UserError: there is no such strategy.
        """
        return registry.first_layer(self._name, self._settings, depth or 0)

    @property
    def informed(self) -> bool:
        """Whether the strategy reads what is known of the label."""
        return registry.is_informed(self._name, self._settings)

    @property
    def reads_elsewhere(self) -> bool:
        """Whether the strategy reads other layers than the one where tokens leave and the one before."""
        name = registry.matched_by(self._name, self._settings) or self._name
        facts = registry.entry(name, self._settings)
        return facts.reads == "layers" or registry.read_of(name, self._settings) is not None

    @property
    def _own(self) -> bool:
        """Whether the strategy is more than a name of the registry."""
        return bool(self.options) or self.strategy.endswith(".py")

    @property
    def _name(self) -> str:
        return f"stage at layer {self.layer}" if self._own else self.strategy

    @property
    def _settings(self) -> dict[str, Any] | None:
        return {self._name: {**(self.options or {}), "strategy": self.strategy}} if self._own else None


def configured(layer: int, name: str, keep: int | float, settings: registry.Settings) -> Stage:
    """A stage whose strategy has a name of the configuration: what the name means becomes `strategy` and `options`.

    Args:
        settings: `strategies:` of the configuration.
    """
    if name not in settings:
        return Stage(layer, name, keep)
    setting = settings[name]
    options = {} if isinstance(setting, str) else {key: value for key, value in setting.items() if key != "strategy"}
    return Stage(layer, registry.source_of(name, settings), keep, options or None)


@dataclass(frozen=True)
class Schedule:
    """Stages in ascending layers, and what they were chosen for.

    Attributes:
        positions: of the tokens that are left.
        source, revision, depth: of the model; None where the schedule is not tied to one.
        protocol: how the model was asked.
        evidence: where the numbers behind the choice came from, in any form.
    Raises:
        UserError: the schema of schedule.json refuses it, layers do not ascend or lie outside the model, a strategy is
            unknown, acts at no such layer, or cannot keep so many tokens.
    """

    stages: Sequence[Stage]
    positions: Literal["original", "contiguous"] = "contiguous"
    source: str | None = None
    revision: str | None = None
    depth: int | None = None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(Stage(*stage) for stage in self.stages))
        schema.check(self.to_json(), SCHEMA, "a schedule")
        last = -1
        for number, stage in enumerate(self.stages):
            key, facts = f"stages.{number}", stage.entry
            if stage.layer <= last:
                raise UserError(f"{key}: layer {stage.layer} comes after layer {last}; layers must ascend.")
            if self.depth is not None and stage.layer >= self.depth:
                raise UserError(f"{key}: there is no layer {stage.layer}; the model has layers 0 to {self.depth - 1}.")
            if stage.layer < (first := stage.first_layer(self.depth)):
                raise UserError(f"{key}: strategy '{stage.strategy}' acts from layer {first} on.")
            if not stage.keep > 0 and not facts.keeps_none:  # NaN as well
                raise UserError(
                    f"{key}: strategy '{stage.strategy}' cannot keep {stage.keep} tokens; use drop-all, or keep 1."
                )
            last = stage.layer

    def to_json(self) -> dict[str, Any]:
        """The schedule as schedule.json holds it."""
        stages = [
            {"layer": layer, "strategy": strategy, **({"options": dict(options)} if options else {}), "keep": keep}
            for layer, strategy, keep, options in self.stages
        ]
        model = {"source": self.source, "revision": self.revision, "depth": self.depth}
        return {
            "version": VERSION,
            "stages": stages,
            "positions": self.positions,
            "model": {key: value for key, value in model.items() if value is not None},
            "protocol": dict(self.protocol),
            "evidence": dict(self.evidence),
        }


def from_json(content: Any) -> Schedule:
    """The schedule that a schedule.json's content describes.

    Raises:
        UserError: a key is unknown, missing or of another form, or `Schedule` refuses what they say.
    """
    schema.check(content, SCHEMA, "a schedule")
    stages = [Stage(s["layer"], s["strategy"], s["keep"], s.get("options")) for s in content["stages"]]
    own = {key: content[key] for key in ("protocol", "evidence") if key in content}
    return Schedule(stages, content["positions"], **content.get("model", {}), **own)


def read(path: str | Path) -> Schedule:
    """The schedule of a file.

    Raises:
        UserError: it cannot be read, is no JSON, or `from_json` refuses it; the sentence names the file.
    """
    try:
        return from_json(json.loads(Path(path).read_text(encoding="utf-8")))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give the path of a schedule.json.") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}): give the path of a schedule.json.") from error


def write(path: str | Path, schedule: Schedule) -> None:
    """Put a schedule into a file, at once.

    Raises:
        TypeError: its options, protocol or evidence are not what JSON can hold.
    """
    write_text(path, json.dumps(schedule.to_json(), indent=2, ensure_ascii=False) + "\n")
