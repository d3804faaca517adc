"""Everything that can be known to be wrong with a study's models, data and questions before a model runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from infohorizon import benchmarks, models, strategies, tables
from infohorizon.benchmarks.load import load
from infohorizon.errors import UserError
from infohorizon.models import hub
from infohorizon.models.preflight import model_faults, question_faults, skeleton
from infohorizon.study.configuration import depth_of, kept_files, own_strategies, schedules_of, stages_of
from infohorizon.study.protocols import protocol_of
from infohorizon.study.sharding import select
from infohorizon.units import layers_of

Config = Mapping[str, Any]


@dataclass
class Report:
    """What a check found.

    Attributes:
        found: what is there, a line each.
        faults: what is wrong, a sentence each without a full stop.
    """

    found: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Data:
    """A benchmark's questions (rows of its table) and the (width, height) of its images."""

    questions: list[dict[str, Any]]
    sizes: dict[str, tuple[int, int]]


def check_study(config: Config, results: Path) -> Report:
    """Models, data sets and questions of a study, as far as they are here: nothing is downloaded or run."""
    report = Report()
    data = {name: _data(name, config["benchmarks"][name], results, report) for name in config["run"]["benchmarks"]}
    for name in config["run"]["models"]:
        settings = config["models"][name]
        folder = _folder(name, settings, results)
        if folder is None:
            report.found.append(f"model {name}: {settings['source']} is not downloaded; checked when it is")
            continue
        here = {key: value for key, value in data.items() if value}
        faults = check_model(name, folder, config, here)
        if not faults:
            faults = [fault for key, own in here.items() for fault in check_kept_sets(name, folder, config, key, own)]
        report.faults += faults
        if not faults:
            kind = models.model_type(settings["source"], folder / "config.json")
            report.found.append(f"model {name}: {kind}, can be asked every question")
    return report


def check_model(name: str, folder: Path, config: Config, data: Mapping[str, Data]) -> list[str]:
    """What is wrong with a model's folder, or else which questions and images it cannot be asked, as its protocol asks.

    Args:
        name: of the model in config.yaml.
        data: benchmark → its questions.
    """
    settings = config["models"][name]
    source = f"{name} ({settings['source']})"
    if faults := model_faults(source, folder, settings):
        return faults
    model = skeleton(source, folder, settings)
    for benchmark, asked in data.items():
        protocol, rules = protocol_of(config, name, benchmark), config["benchmarks"][benchmark]
        task = benchmarks.create(rules["task"], rules.get("options"))
        turns = [task.prompt(row, protocol["form"], protocol["ocr_tokens"]) for row in asked.questions]
        questions = [{**row, "question": turn} for row, turn in zip(asked.questions, turns, strict=True)]
        model.settings = {**settings, **protocol}
        faults += [f"{name} on {benchmark}: {fault}" for fault in question_faults(model, questions, asked.sizes)]
    return faults


def check_kept_sets(name: str, folder: Path, config: Config, benchmark: str, data: Data) -> list[str]:
    """What files of kept sets lack, or hold beyond the images' tokens, for the questions that a study asks a model."""
    files = kept_files(config, name, benchmark)
    if not files:
        return []
    settings = config["models"][name]
    asked = {**settings, **protocol_of(config, name, benchmark)}
    model = skeleton(f"{name} ({settings['source']})", folder, asked)
    counts = {image_id: model.tokens(size) for image_id, size in data.sizes.items()}
    columns = {key: [row[key] for row in data.questions] for key in ("question_id", "image_id")}
    own, depth, faults = own_strategies(config, name, benchmark), depth_of(name, settings), list[str]()
    for strategy in files:
        made: Any = strategies.create(strategy, own)
        repeats = config["sweep"]["repeats"] if made.random else 1
        swept = strategy in config["sweep"]["strategies"]
        layers = layers_of(config["sweep"]["layers"], depth, 1) if swept else []
        stages = [stage for plan in schedules_of(config) for stage in stages_of(config, plan, depth)]
        places = {
            "sweep": [(layer, keep) for layer in layers for keep in config["sweep"]["keep"]],
            "schedule_run": [(layer, keep) for layer, chosen, keep in stages if chosen == strategy],
        }
        for section, cells in places.items():
            chosen = select(pl.DataFrame(columns), config[section].get("limit"))
            tokens = {question: counts[image] for question, image in chosen.iter_rows()}
            faults += made.faults(tokens, [(*cell, repeat) for cell in cells for repeat in range(repeats)])
    return [f"{name} on {benchmark}: {fault}" for fault in faults]


def read_data(questions: str | Path, images: str | Path) -> Data:
    """A benchmark from its tables."""
    sizes = tables.read(images, "images", ["image_id", "width", "height"])
    return Data(
        tables.read(questions, "benchmark").to_dicts(),
        {image_id: (width, height) for image_id, width, height in sizes.iter_rows()},
    )


def _data(name: str, settings: Config, results: Path, report: Report) -> Data | None:
    """A benchmark from its tables where they are here, else from a local source."""
    paths = results / f"benchmarks/{name}.arrow", results / f"benchmarks/{name}.images.arrow"
    source = settings["source"]
    try:
        if source == "rendered" or not hub.is_local(source):
            if not all(path.is_file() for path in paths):
                how = "is drawn" if source == "rendered" else "is downloaded"
                report.found.append(f"benchmark {name}: {source} is not here yet; checked when it {how}")
                return None
            data, where = read_data(*paths), "in its table"
        else:
            loaded = load(name, settings)
            sizes = pl.from_arrow(loaded.images.select(["image_id", "width", "height"]))
            data = Data(loaded.questions.to_pylist(), {row[0]: row[1:] for row in sizes.iter_rows()})
            where = f"in {source}"
            report.found += [f"benchmark {name}: skipped: {reason}" for reason in loaded.skipped]
    except UserError as error:
        report.faults.append(str(error).removesuffix("."))
        return None
    report.found.append(f"benchmark {name}: {len(data.questions)} questions on {len(data.sizes)} images {where}")
    return data


def _folder(name: str, settings: Config, results: Path) -> Path | None:
    """A model's folder, local, merged or in the hub's cache; None where it is not (wholly) there."""
    if hub.is_adapter(settings["source"]):
        folder = results / "merged" / name
        return folder if folder.is_dir() else None
    if hub.is_local(settings["source"]):
        return Path(settings["source"]).expanduser()
    return hub.cached(settings["source"], settings.get("revision"))
