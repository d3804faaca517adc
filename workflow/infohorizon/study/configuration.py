"""What a configuration means, checked before any job starts: names, layers, keeps, and where models are. No torch."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infohorizon import benchmarks, models, strategies
from infohorizon.errors import UserError, suggestion
from infohorizon.models.geometry import decoder_config
from infohorizon.models.hub import is_local
from infohorizon.units import layer_of, layers_of

Config = Mapping[str, Any]
RENDERED = ("knowledge", "perception", "reading")  # what `source: rendered` can be
PROMPTS = ("chat_template", "vicuna_v1")


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
        config = json.loads(file.read_text())
        depth = int(decoder_config(config)["num_hidden_layers"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"models.{name}.source: {source} holds no model: it needs a config.json that names its decoder's layers."
        ) from None
    if settings.get("depth", depth) != depth:
        raise UserError(
            f"models.{name}.depth is {settings['depth']}, but {source} has {depth} layers: mend or drop it."
        )
    return depth


def check(config: Config) -> None:
    """Everything that can be known to be wrong before a job starts.

    Raises:
        UserError: one sentence that names the key and what to do.
    """
    run = config["run"]
    for key in ("models", "benchmarks"):
        for name in run[key]:
            _known(f"run.{key}", name, config[key])
    for name in run["benchmarks"]:
        settings = config["benchmarks"][name]
        _known(f"benchmarks.{name}.task", settings["task"], benchmarks.REGISTRY)
        source = settings["source"]
        if source == "rendered":
            _known(f"benchmarks.{name}.task", settings["task"], RENDERED)
        if options := settings.get("options"):
            benchmarks.create(settings["task"], options)
        if source != "rendered" and is_local(source) and not Path(source).expanduser().exists():
            raise UserError(f"benchmarks.{name}.source: {source} does not exist; give a folder, a file or a hub id.")
    for name in run["models"]:
        _model(name, config["models"][name])
    depths = {name: depth_of(name, config["models"][name]) for name in run["models"]}
    own = config["strategies"]
    for name in {
        *config["sweep"]["strategies"],
        *(s for schedule in schedules_of(config) for s in strategies_of(config, schedule)),
    }:
        if name in own:
            _own(name, own)
    for model, depth in depths.items():
        _layers("information.layers", config["information"]["layers"], depth, model)
        _layers("sweep.layers", config["sweep"]["layers"], depth, model)
        for name in config["sweep"]["strategies"]:
            _known("sweep.strategies", name, strategies.names(own))
            first = strategies.entry(name, own).first_layer
            for layer in layers_of(config["sweep"]["layers"], depth, max(1, first)):
                _acts("sweep.layers", name, first, layer)
        for name in schedules_of(config):
            _schedule(config, name, model, depth)
    _oracle(config, depths)


def resolve(config: Config, root: Path) -> None:
    """Make sources that are not in the working directory, but in the project's own folder `root`, absolute."""
    for section in ("models", "benchmarks"):
        for settings in config[section].values():
            source = Path(settings["source"]).expanduser()
            if not source.is_absolute() and not source.exists() and (root / source).exists():
                settings["source"] = str(root / source)


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
    names = list(config["schedules"]) if names == "all" else names
    for name in names:
        _known("schedule_run.names", name, config["schedules"])
    return names


def merging(config: Config) -> list[str]:
    """Strategies of the run that merge tokens."""
    used = {*config["sweep"]["strategies"], *(s for name in schedules_of(config) for s in strategies_of(config, name))}
    return sorted(name for name in used if strategies.entry(name, config["strategies"]).merges)


def strategies_of(config: Config, schedule: str) -> list[str]:
    """Names of the strategies a schedule uses."""
    return [stage[1] for stage in config["schedules"][schedule]["stages"]]


def stages_of(config: Config, schedule: str, depth: int) -> list[list[Any]]:
    """A schedule's stages [layer, strategy, keep] on a model of `depth` layers.

    A fractional layer that falls below the strategy's first possible one means that one: LLaVA's layer 1 of 32 has no
    counterpart in 8 layers.
    """
    stages = []
    for spec, strategy, keep in config["schedules"][schedule]["stages"]:
        layer = layer_of(spec, depth)
        if isinstance(spec, float):
            layer = max(layer, strategies.entry(strategy, config["strategies"]).first_layer)
        stages.append([layer, strategy, keep])
    return stages


def _model(name: str, settings: Config) -> None:
    prompt = settings.get("prompt", "chat_template")
    if prompt not in PROMPTS and not (prompt.count("{image}") == prompt.count("{question}") == 1):
        known = ", ".join(PROMPTS)
        raise UserError(f"models.{name}.prompt: use {known}, or a text with one {{image}} and one {{question}}.")
    least, most = settings.get("min_pixels", 1), settings.get("max_pixels", float("inf"))
    if least > most:
        raise UserError(f"models.{name}: min_pixels ({least}) exceeds max_pixels ({most}).")


def _schedule(config: Config, name: str, model: str, depth: int) -> None:
    schedule, key = config["schedules"][name], f"schedules.{name}"
    own, last = config["strategies"], -1
    for _, strategy, _ in schedule["stages"]:
        _known(key, strategy, strategies.names(own))
    for layer, strategy, keep in stages_of(config, name, depth):
        entry = strategies.entry(strategy, own)
        _layers(key, [layer], depth, model)
        _acts(key, strategy, entry.first_layer, layer)
        if layer <= last:
            raise UserError(f"{key}: layer {layer} does not lie above the stage before it on {model} ({depth} layers).")
        if keep == 0 and not entry.keeps_none:
            raise UserError(f"{key}: strategy '{strategy}' cannot keep 0 tokens; use drop-all, or keep at least 1.")
        last = layer
    if "baseline" in schedule:
        _known(f"{key}.baseline", schedule["baseline"], schedules_of(config))


def _oracle(config: Config, depths: Mapping[str, int]) -> None:
    """Strategy `information` reads the information table: its layers and questions must be there."""
    users = ["sweep"] if "information" in config["sweep"]["strategies"] else []
    users += ["schedule_run"] if any("information" in strategies_of(config, s) for s in schedules_of(config)) else []
    have = config["information"].get("limit")
    number = config["information"]["windows"]
    if users and number != "all":
        raise UserError(
            f"information.windows is {number}, but strategy 'information' in {users[0]} needs every window: set it to "
            "all, or drop the strategy."
        )
    for key in users:
        wanted = config[key].get("limit")
        if have is not None and (wanted is None or wanted > have):
            raise UserError(
                f"{key}.limit ({wanted}) exceeds information.limit ({have}), but strategy 'information' needs the "
                f"information of every question: raise information.limit or lower {key}.limit."
            )
    for model, depth in depths.items():
        measured = set(layers_of(config["information"]["layers"], depth))
        asked = set(layers_of(config["sweep"]["layers"], depth, 1)) if "sweep" in users else set()
        for name in schedules_of(config):
            stages = stages_of(config, name, depth)
            asked |= {layer for layer, strategy, _ in stages if strategy == "information"}
        if missing := sorted(asked - measured):
            raise UserError(
                f"information.layers lacks layer {missing[0]} of {model}, which strategy 'information' is to act at: "
                "add it, or drop the strategy."
            )


def _own(name: str, own: Config) -> None:
    """A strategy that the configuration names: made once, so that a bad option or file is known (loads torch)."""
    if strategies.source_of(name, own) == "information":
        raise UserError(f"strategies.{name}: 'information' has no options; it runs under its own name.")
    strategies.create(name, own)


def _layers(key: str, spec: Any, depth: int, model: str) -> None:
    for layer in layers_of(spec, depth):
        if layer >= depth:
            raise UserError(f"{key}: layer {layer} lies outside {model}, whose layers are 0 to {depth - 1}.")


def _acts(key: str, strategy: str, first: int, layer: int) -> None:
    if layer < first:
        raise UserError(
            f"{key}: strategy '{strategy}' reads attention or keys of the layer before and cannot act at layer "
            f"{layer}; use layers from {first} on."
        )


def _known(key: str, name: str, names: Iterable[str]) -> None:
    if name not in (known := list(names)):
        raise UserError(f"{key}: there is no '{name}': {suggestion(name, known)}")
