"""Every mistake in a configuration that can be known before a job starts, beyond what its schema says.

Each check raises a UserError: one sentence that names the key and says what to do.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from infohorizon import benchmarks, strategies
from infohorizon.errors import UserError, suggestion
from infohorizon.models.hub import is_local
from infohorizon.strategies import ORACLE
from infohorizon.study.configuration import (
    KEPT,
    RENDERED,
    Config,
    all_strategies,
    compared_strategies,
    depth_of,
    own_strategies,
    recommendable,
    schedules_of,
    stages_of,
    strategies_of,
)
from infohorizon.study.protocols import protocol_of
from infohorizon.units import layer_of, layers_of

ANSWERED = ("information", "removals", "sweep", "schedule_run")  # compared with the unpruned answer of each question
PROMPTS = ("chat_template", "vicuna_v1")
UNPRUNED = ("full", "blind")  # conditions of the answers table, which stand beside the schedules by name
SUFFIXES = (".images", ".kept")  # of a benchmark's second table and of its second check


def check(config: Config) -> None:
    """Check names, sources, layers and keeps of everything that runs.

    Raises:
        UserError: the first mistake.
    """
    _names(config)
    _clashes(config)
    for name in config["run"]["benchmarks"]:
        _benchmark(f"benchmarks.{name}", config["benchmarks"][name])
    for name in config["run"]["models"]:
        _model(f"models.{name}", config["models"][name])
    depths = {name: depth_of(name, config["models"][name]) for name in config["run"]["models"]}
    for model in config["run"]["models"]:
        for benchmark in config["run"]["benchmarks"]:
            protocol_of(config, model, benchmark)
    for name in dict.fromkeys([*all_strategies(config), *compared_strategies(config)]):
        if name in config["strategies"] or name == KEPT:
            _own_strategy(name, config)
    _positions(config["information"])
    for model, depth in depths.items():
        for section in ("information", "removals", "states"):
            _within(f"{section}.layers", config[section]["layers"], model, depth)
        for name in [name for name in all_strategies(config) if name in config["strategies"]]:
            if (read := strategies.read_of(name, config["strategies"])) is not None:
                _within(f"strategies.{name}.read", [read], model, depth)
        _sweep(config, model, depth)
        for name in schedules_of(config):
            _schedule(config, name, model, depth)
            if (baseline := config["schedules"][name].get("baseline")) is not None:
                _known(f"schedules.{name}.baseline", baseline, schedules_of(config))
    for section in ANSWERED:
        _answered(config, section)
    for section in _oracle_sections(config):
        _oracle_questions(config, section)
    for model, depth in depths.items():
        _oracle_layers(config, model, depth)


def check_recommend(config: Config) -> None:
    """Check what only `recommend` needs: something to choose from, and schedules that can run on every model.

    Raises:
        UserError: the first mistake.
    """
    if not recommendable(config):
        raise UserError(
            "recommend: sweep.strategies has none that can be recommended (those that read the label or kept sets "
            "cannot be used on new images); add one, such as random."
        )
    for name in config["recommend"]["schedules"]:
        if any(strategies.is_informed(strategy, config["strategies"]) for strategy in strategies_of(config, name)):
            raise UserError(f"recommend.schedules: {name} reads the label, so it cannot be recommended; remove it.")
        for model in config["run"]["models"]:
            _schedule(config, name, model, depth_of(model, config["models"][model]))


def _names(config: Config) -> None:
    """Models, benchmarks and schedules that there are; schedules of strategies that there are.

    Those that `recommend` compares with count whatever is run: every rule's code is looked up before any runs.
    """
    for key in ("models", "benchmarks"):
        for name in config["run"][key]:
            _known(f"run.{key}", name, config[key])
    for key, names in {
        "schedule_run.names": schedules_of(config),
        "recommend.schedules": config["recommend"]["schedules"],
    }.items():
        for name in names:
            _known(key, name, config["schedules"])
            for strategy in strategies_of(config, name):
                _known(f"schedules.{name}", strategy, strategies.names(config["strategies"]))


def _clashes(config: Config) -> None:
    """Refuse names by which the files of two benchmarks, or a pruned and an unpruned run, could not be told apart."""
    for name, suffix in product(config["benchmarks"], SUFFIXES):
        if (taken := f"{name}{suffix}") in config["benchmarks"]:
            raise UserError(
                f"benchmarks.{taken}: files of {name} have the same names; choose one that does not end in {suffix}."
            )
    for key, name in product(("schedules", "strategies"), UNPRUNED):
        if name in config[key]:
            raise UserError(f"{key}.{name}: {name} is a condition of the answers; choose another name.")


def _benchmark(key: str, settings: Config) -> None:
    """A task that exists, its options, and a source that is there."""
    task, source = settings["task"], settings["source"]
    _known(f"{key}.task", task, benchmarks.REGISTRY)
    if source == "rendered":
        _known(f"{key}.task", task, RENDERED)
    if options := settings.get("options"):
        benchmarks.create(task, options)
    if source != "rendered" and is_local(source) and not Path(source).exists():
        raise UserError(f"{key}.source: {source} does not exist; give a folder, a file or a hub id.")


def _model(key: str, settings: Config) -> None:
    """A chat wrapping that can be filled in."""
    prompt = settings.get("prompt", "chat_template")
    if prompt not in PROMPTS and not (prompt.count("{image}") == prompt.count("{question}") == 1):
        known = ", ".join(PROMPTS)
        raise UserError(f"{key}.prompt: use {known}, or a text with one {{image}} and one {{question}}.")


def _own_strategy(name: str, config: Config) -> None:
    """A strategy that the configuration names: a bad option or file is known before a job starts.

    One that reads kept sets is made for every model and benchmark, which may have files of their own.
    """
    source = strategies.source_of(name, config["strategies"])
    pairs = [(model, benchmark) for model in config["run"]["models"] for benchmark in config["run"]["benchmarks"]]
    for model, benchmark in pairs if source == KEPT else pairs[:1]:
        strategies.check(name, own_strategies(config, model, benchmark))


def _positions(information: Config) -> None:
    """Only what leaves the sequence lets the rest be renumbered."""
    if information["positions"] == "contiguous" and information["removal"] != "delete":
        raise UserError(
            f"information.positions is contiguous, but no token leaves where information.removal is "
            f"{information['removal']}; set it to original."
        )


def _sweep(config: Config, model: str, depth: int) -> None:
    """Layers that the model has, and at which every strategy can act."""
    own, layers = config["strategies"], config["sweep"]["layers"]
    _within("sweep.layers", layers, model, depth)
    for name in config["sweep"]["strategies"]:
        _known("sweep.strategies", name, strategies.names(own))
        first = strategies.first_layer(name, own, depth)
        for layer in layers_of(layers, depth, max(1, first)):
            _acts("sweep.layers", name, config, layer, depth)


def _schedule(config: Config, name: str, model: str, depth: int) -> None:
    """Ascending layers that the model has, at which the strategies can act."""
    key, own, last = f"schedules.{name}", config["strategies"], -1
    for layer, strategy, keep in stages_of(config, name, depth):
        entry = strategies.entry(strategy, own)
        _within(key, [layer], model, depth)
        _acts(key, strategy, config, layer, depth)
        if layer <= last:
            raise UserError(
                f"{key}: layer {layer} comes after layer {last} on {model} ({depth} layers); give each stage a higher "
                "layer than the one before."
            )
        if keep == 0 and not entry.keeps_none:
            raise UserError(f"{key}: strategy '{strategy}' cannot keep 0 tokens; use drop-all, or keep at least 1.")
        last = layer


def _answered(config: Config, section: str) -> None:
    """Every question that a section asks needs its unpruned answer."""
    answered, asked = config["answers"].get("limit"), config[section].get("limit")
    if answered is not None and (asked is None or asked > answered):
        raise UserError(
            f"{section}.limit ({asked or 'all'}) exceeds answers.limit ({answered}), but it compares every question "
            f"with its unpruned answer; raise answers.limit (null for all) or lower {section}.limit."
        )


def _oracle_sections(config: Config) -> list[str]:
    """Where strategy `information` runs: sections of the configuration."""
    used = {
        "sweep": config["sweep"]["strategies"],
        "schedule_run": [name for schedule in schedules_of(config) for name in strategies_of(config, schedule)],
    }
    return [section for section, names in used.items() if _oracles(config, names)]


def _oracles(config: Config, names: Iterable[str]) -> list[str]:
    """Those of the strategies that read the information table."""
    return [name for name in names if strategies.is_informed(name, config["strategies"])]


def _oracle_questions(config: Config, section: str) -> None:
    """The information table must hold every window of every question that a section asks."""
    number = config["information"]["windows"]
    if number != "all":
        raise UserError(
            f"information.windows is {number}, but strategy '{ORACLE}' in {section} needs every window; set it to all, "
            "or remove the strategy."
        )
    measured, asked = config["information"].get("limit"), config[section].get("limit")
    if measured is not None and (asked is None or asked > measured):
        raise UserError(
            f"{section}.limit ({asked or 'all'}) exceeds information.limit ({measured}), but strategy '{ORACLE}' needs "
            f"the information of every question; raise information.limit or lower {section}.limit."
        )


def _oracle_layers(config: Config, model: str, depth: int) -> None:
    """The information table must hold every layer at which strategy `information` acts."""
    wanted = {
        layer
        for name in schedules_of(config)
        for layer, strategy, _ in stages_of(config, name, depth)
        if _oracles(config, [strategy])
    }
    if _oracles(config, config["sweep"]["strategies"]):
        wanted |= set(layers_of(config["sweep"]["layers"], depth, 1))
    if missing := sorted(wanted - set(layers_of(config["information"]["layers"], depth))):
        raise UserError(
            f"information.layers lacks layer {missing[0]} of {model}, where strategy '{ORACLE}' acts; add the layer, "
            "or remove the strategy."
        )


def _within(key: str, spec: Any, model: str, depth: int) -> None:
    for layer in layers_of(spec, depth):
        if layer >= depth:
            raise UserError(f"{key}: {model} has no layer {layer}; its layers are 0 to {depth - 1}.")


def _acts(key: str, strategy: str, config: Config, layer: int, depth: int) -> None:
    """A strategy acts no earlier than what it reads allows."""
    own = config["strategies"]
    first = strategies.first_layer(strategy, own, depth)
    if layer < first:
        read = strategies.read_of(strategies.matched_by(strategy, own) or strategy, own)
        reads, or_else = "reads what the layer before computes", ""
        if read is not None:
            seen = layer_of(read, depth)
            reads = f"reads what layer {seen} {'gives out' if first > seen else 'computes'}"
            or_else = f", or a lower `read` than {read}"
        what = f"strategy '{strategy}' {reads} and cannot act at layer {layer}"
        raise UserError(f"{key}: {what}; use layers from {first} on{or_else}.")


def _known(key: str, name: str, names: Iterable[str] | Mapping[str, Any]) -> None:
    if name not in (known := list(names)):
        raise UserError(f"{key}: there is no '{name}': {suggestion(name, known)}")
