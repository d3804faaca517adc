"""What a configuration means: which strategies and schedules run, at which layers, on how deep a model. No torch."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infohorizon import models, strategies
from infohorizon.errors import UserError
from infohorizon.models.geometry import decoder_config
from infohorizon.models.hub import is_local
from infohorizon.units import layer_of

Config = Mapping[str, Any]
KEPT = "kept"  # the strategy that reads a file of kept sets
RENDERED = ("knowledge", "perception", "reading", "places", "countries", "digits")  # what `source: rendered` can be


def resolve(config: Config, root: Path) -> None:
    """Make sources absolute that are in the home folder (`~`), or not in the working directory but in `root`.

    Args:
        root: the project's own folder.
    """
    for section in ("models", "benchmarks"):
        for settings in config[section].values():
            settings["source"] = _expanded(settings["source"])
            source = Path(settings["source"])
            if not source.is_absolute() and not source.exists() and (root / source).exists():
                settings["source"] = str(root / source)


def _expanded(path: str) -> str:
    """A path with the home folder in place of `~`, which Snakemake does not know; all others as they are written."""
    return str(Path(path).expanduser()) if path.startswith("~") else path


def depth_of(name: str, settings: Config) -> int:
    """Decoder layers of a model: from its folder's config.json, or from `depth` for a hub id.

    Raises:
        UserError: no such folder, no model in it, or no `depth` given for a hub id.
    """
    source = settings["source"]
    if not is_local(source):
        if "depth" not in settings:
            raise UserError(f"models.{name}.depth is missing: give the number of decoder layers of {source}.")
        return settings["depth"]
    file = Path(source).expanduser() / "config.json"
    if not file.parent.is_dir():
        raise UserError(f"models.{name}.source: the folder {source} does not exist; give a folder or a hub id.")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        depth = int(decoder_config(config)["num_hidden_layers"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"models.{name}.source: {source} holds no model; it needs a config.json that says how many layers the "
            "decoder has."
        ) from None
    if settings.get("depth", depth) != depth:
        raise UserError(
            f"models.{name}.depth is {settings['depth']}, but {source} has {depth} layers; correct it or leave it out."
        )
    return depth


def architectures(settings: Config) -> list[str]:
    """Names of the files in models/ that a model may need: its own where its folder tells, else all."""
    file = Path(settings["source"]).expanduser() / "config.json"
    try:
        kind = json.loads(file.read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = None
    locations = [models.REGISTRY[kind]] if kind in models.REGISTRY else models.REGISTRY.values()
    return sorted({location.split(":")[0] for location in locations})


def schedules_of(config: Config) -> list[str]:
    """Names of the schedules that run."""
    names = config["schedule_run"]["names"]
    return list(config["schedules"]) if names == "all" else names


def read_layers(config: Config) -> dict[str, dict[str, tuple[int | float | None, int]]]:
    """Strategies that are swept at several read layers: strategy and other options → name → where that one reads.

    Where: option `read`, or None, and how many layers below the one where tokens leave it then reads.
    """
    own, found = config["strategies"], defaultdict[str, dict[str, tuple[int | float | None, int]]](dict)
    for name in config["sweep"]["strategies"]:
        setting = own.get(name, {})
        options = setting if isinstance(setting, Mapping) else {}
        rest = [f"{key}: {value}" for key, value in options.items() if key not in ("strategy", "read")]
        family = ", ".join([strategies.source_of(name, own), *rest])
        found[family][name] = (strategies.read_of(name, own), strategies.entry(name, own).first_layer)
    return {family: members for family, members in found.items() if len({read for read, _ in members.values()}) > 1}


def strategies_of(config: Config, schedule: str) -> list[str]:
    """Names of the strategies a schedule uses."""
    return [stage[1] for stage in config["schedules"][schedule]["stages"]]


def all_strategies(config: Config) -> list[str]:
    """Names of all strategies that run, in the sweep or in a schedule, each once."""
    scheduled = [name for schedule in schedules_of(config) for name in strategies_of(config, schedule)]
    return list(dict.fromkeys([*config["sweep"]["strategies"], *scheduled]))


def compared_strategies(config: Config) -> list[str]:
    """Names of the strategies of the schedules that `recommend` compares with."""
    return [name for schedule in config["recommend"]["schedules"] for name in strategies_of(config, schedule)]


def own_strategies(config: Config, model: str, benchmark: str) -> dict[str, Any]:
    """`strategies:` as it holds for one model on one benchmark: their names occur in the paths of kept sets."""
    own = config["strategies"]
    return {**own, **{name: {**own[name], "file": path} for name, path in kept_files(config, model, benchmark).items()}}


def kept_files(config: Config, model: str, benchmark: str) -> dict[str, str]:
    """Strategy that runs and reads kept sets → its file, for one model on one benchmark."""
    found, used = {}, {*all_strategies(config), *compared_strategies(config)}
    for name, entry in config.get("strategies", {}).items():
        if isinstance(entry, Mapping) and entry["strategy"] == KEPT and name in used:
            file = _expanded(str(entry.get("file", "")))
            found[name] = file.replace("{model}", model).replace("{benchmark}", benchmark)
    return found


def merging(config: Config) -> list[str]:
    """Names of the strategies that run and merge tokens."""
    own = config["strategies"]
    return sorted(name for name in all_strategies(config) if strategies.entry(name, own).merges)


def recommendable(config: Config) -> list[str]:
    """Names of the swept strategies that a recommended schedule may use.

    Those that read the label or kept sets cannot be used on new images, and a random one that copies a strategy's
    number of tokens is a control.
    """
    own = config["strategies"]
    return [
        name
        for name in config["sweep"]["strategies"]
        if not strategies.is_informed(name, own)
        and strategies.source_of(name, own) != KEPT
        and strategies.matched_by(name, own) is None
    ]


def tried_strategies(config: Config) -> list[str]:
    """Names of all strategies that `recommend` may run: its search's, the configured schedules', and random."""
    return sorted({"random", *recommendable(config), *compared_strategies(config)})


def stages_of(config: Config, schedule: str, depth: int) -> list[list[Any]]:
    """A schedule's stages [layer, strategy, keep] on a model of `depth` layers.

    A fractional layer that falls below the strategy's first possible one means that one: LLaVA's layer 1 of 32 has no
    counterpart in 8 layers. Two ascending fractions that fall on one layer mean that and the next, as LLaVA's 7 and 9.
    """
    stages: list[list[Any]] = []
    before: int | float = 1
    for spec, strategy, keep in config["schedules"][schedule]["stages"]:
        layer = layer_of(spec, depth)
        if isinstance(spec, float):
            layer = max(layer, strategies.first_layer(strategy, config["strategies"], depth))
            if isinstance(before, float) and spec > before:
                layer = max(layer, stages[-1][0] + 1)
        stages.append([layer, strategy, keep])
        before = spec
    return stages
