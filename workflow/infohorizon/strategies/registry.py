"""The registry of pruning strategies: one line per strategy. Importing it does not import torch."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from infohorizon.errors import UserError, suggestion
from infohorizon.units import layer_of

if TYPE_CHECKING:
    from infohorizon.strategies.base import Strategy


class Entry(NamedTuple):
    """Where a strategy's class is, and the facts about it that a configuration is checked against without torch."""

    location: str
    first_layer: int = 0
    random: bool = False
    keeps_none: bool = False
    merges: bool = False
    repeats: int | None = None
    reads: str = "nothing"


REGISTRY = {
    "random": Entry("random:Random", random=True),
    "drop-all": Entry("drop_all:DropAll", keeps_none=True),
    "information": Entry("information:Information"),
    "fastv": Entry("fastv:FastV", first_layer=1, reads="layer"),
    "sparsevlm": Entry("sparsevlm:SparseVLM", first_layer=1, reads="layer"),
    "dart": Entry("dart:DART", first_layer=1, reads="output"),
    "divprune": Entry("divprune:DivPrune", reads="layer"),
    "pyramiddrop": Entry("pyramiddrop:PyramidDrop", reads="layer"),
    "v2drop": Entry("v2drop:V2Drop", first_layer=1, reads="output"),
    "transprune": Entry("transprune:TransPrune", reads="layers"),
    "feather": Entry("feather:Feather", first_layer=1, reads="layer"),
    "vscan-decoder": Entry("vscan_decoder:VScanDecoder", reads="layer"),
    "entropyprune": Entry("entropyprune:EntropyPrune", first_layer=1, reads="layer"),
    "fastervlm": Entry("fastervlm:FasterVLM"),
    "vispruner": Entry("vispruner:VisPruner"),
    "visionzip": Entry("visionzip:VisionZip", merges=True),
    "holov": Entry("holov:HoloV"),
    "cdpruner": Entry("cdpruner:CDPruner"),
    "scope": Entry("scope:Scope"),
    "hiprune": Entry("hiprune:HiPrune"),
    "vscan": Entry("vscan:VScan", merges=True),
    "apet": Entry("apet:ApET", merges=True),
    "stride": Entry("stride:Stride"),
    "pool": Entry("pool:Pool", merges=True),
    "kept": Entry("kept:Kept"),
}

ORACLE = "information"  # reads the label: a reference, not a method

RANDOM = {"match": str, "block": int, "repeats": int}
"""Options of `random`."""

Settings = Mapping[str, str | Mapping[str, Any]]


def names(settings: Settings | None = None) -> list[str]:
    """All strategy names: those of the registry, then those that the configuration adds."""
    return [*REGISTRY, *(settings or {})]


def entry(name: str, settings: Settings | None = None) -> Entry:
    """The facts about a strategy. Only a user's own file has to be loaded for them (and torch with it).

    Raises:
        UserError: unknown name, or a setting that names no strategy.
    """
    source, options = _resolve(name, settings)
    if source in REGISTRY:
        facts = REGISTRY[source]
        facts = facts._replace(repeats=options.get("repeats"))
        if matched := matched_by(name, settings):
            return facts._replace(first_layer=max(facts.first_layer, entry(matched, settings).first_layer))
        return facts
    cls = _load(Path(source))
    return Entry(f"{source}:{cls.__name__}", cls.first_layer, cls.random, cls.keeps_none, cls.merges, reads=cls.reads)


def read_of(name: str, settings: Settings | None = None) -> int | float | None:
    """Option `read` of a strategy: the layer that it looks at; None for the published one."""
    return _resolve(name, settings)[1].get("read")


def first_layer(name: str, settings: Settings | None, depth: int) -> int:
    """The lowest layer at which a strategy can act on a model of `depth` layers: it cannot read above where it acts."""
    facts, read = entry(name, settings), read_of(name, settings)
    if matched := matched_by(name, settings):
        return first_layer(matched, settings, depth)
    return facts.first_layer if read is None else layer_of(read, depth) + (facts.reads == "output")


def source_of(name: str, settings: Settings | None = None) -> str:
    """The registry's name or the Python file behind a name."""
    return _resolve(name, settings)[0]


def is_oracle(name: str, settings: Settings | None = None) -> bool:
    """Whether a name is the oracle's, or that of the oracle with options."""
    return source_of(name, settings) == ORACLE


def is_informed(name: str, settings: Settings | None = None) -> bool:
    """Whether a strategy needs the information table: an oracle, or a random one that keeps as many tokens as one."""
    return is_oracle(matched_by(name, settings) or name, settings)


def matched_by(name: str, settings: Settings | None = None) -> str | None:
    """The strategy whose numbers of tokens a random one copies (option `match`); None for all others."""
    source, options = _resolve(name, settings)
    return options.get("match") if source == "random" else None


def modules_of(name: str, settings: Settings | None = None) -> list[str]:
    """Where a strategy's code is: modules of this library (`strategies.dart`) or paths of a user's files."""
    source = source_of(name, settings)
    own = f"strategies.{REGISTRY[source].location.split(':')[0]}" if source in REGISTRY else source
    matched = matched_by(name, settings)
    return [own, *(modules_of(matched, settings) if matched else [])]


def create(name: str, settings: Settings | None = None) -> "Strategy":
    """Make the strategy called `name`.

    Args:
        name: a name of the registry or a key of `settings`.
        settings: `strategies:` of the configuration: new name → path of a Python file that defines one strategy, or
            {strategy: NAME-OR-PATH, option: value, …}. Paths are relative to the working directory.

    Raises:
        UserError: unknown name, bad option, or a file that does not define exactly one strategy.
    """
    source, options = _resolve(name, settings)
    cls = builtin(source) if source in REGISTRY else _load(Path(source))
    if matched := matched_by(name, settings):
        _refuse_copies(name, matched, settings)
        options["match"] = create(matched, settings)
    try:
        strategy = cls(**options)
    except (TypeError, ValueError) as error:
        raise UserError(f"strategies: {name}: {error}.") from error
    strategy.name = name
    return strategy


def check(name: str, settings: Settings | None = None) -> None:
    """Refuse a configured strategy that cannot be made. Variants of `random` are checked without loading torch.

    Raises:
        UserError: as `create`.
    """
    source, options = _resolve(name, settings)
    plain = all(type(options[key]) is RANDOM[key] for key in options.keys() & RANDOM.keys())
    if (
        source != "random"
        or not plain
        or options.keys() - RANDOM.keys()
        or options.get("block", 0) < 0
        or options.get("repeats", 1) < 1
    ):
        create(name, settings)
    elif matched := options.get("match"):
        _refuse_copies(name, matched, settings)


def _refuse_copies(name: str, matched: str, settings: Settings | None) -> None:
    if matched_by(matched, settings) or entry(matched, settings).keeps_none:
        raise UserError(f"strategies: {name}.match: '{matched}' does not choose tokens itself; name one that does.")


def builtin(name: str) -> type["Strategy"]:
    """The class of a strategy of the registry; loads torch."""
    module, cls = REGISTRY[name].location.split(":")
    return getattr(importlib.import_module(f"{__package__}.{module}"), cls)


def _resolve(name: str, settings: Settings | None) -> tuple[str, dict[str, Any]]:
    """Name → (name in the registry or path of a Python file, options)."""
    settings = settings or {}
    if name in REGISTRY:
        if name in settings:
            raise UserError(f"strategies: '{name}' is the name of a built-in strategy: choose another name.")
        return name, {}
    if name not in settings:
        raise UserError(f"There is no strategy '{name}': {suggestion(name, names(settings))}")
    setting = settings[name]
    options: dict[str, Any] = {"strategy": setting} if isinstance(setting, str) else dict(setting)
    source = str(options.pop("strategy", None))
    if source not in REGISTRY and not source.endswith(".py"):
        raise UserError(
            f"strategies: {name}: '{source}' is neither the path of a Python file (….py) "
            f"nor one of {', '.join(REGISTRY)}."
        )
    return source, options


def _load(path: Path) -> type["Strategy"]:
    """The one strategy that a user's Python file defines."""
    from infohorizon.strategies.base import Strategy

    if not path.is_file():
        raise UserError(f"strategies: {path} does not exist.")
    spec = importlib.util.spec_from_file_location(f"infohorizon_strategy_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # the file's name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"strategies: {path} cannot be imported: {type(error).__name__}: {error}.") from error
    defined = [value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == spec.name]
    classes = [cls for cls in dict.fromkeys(defined) if issubclass(cls, Strategy)]
    if len(classes) != 1:
        found = ", ".join(cls.__name__ for cls in classes) or "none"
        raise UserError(f"strategies: {path} must define exactly one strategy class; it defines {found}.")
    if missing := sorted(classes[0].__abstractmethods__):
        raise UserError(f"strategies: {path}: {classes[0].__name__} lacks the method {', '.join(missing)}.")
    return classes[0]
