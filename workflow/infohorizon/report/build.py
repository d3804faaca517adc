"""The report: reads the tables of a study and renders one self-contained HTML page."""

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from infohorizon import strategies, tables
from infohorizon.analysis import observations, paper
from infohorizon.analysis.collapse import collapses
from infohorizon.analysis.criteria import AGAINST_RANDOM, VANISHING
from infohorizon.figures import examples
from infohorizon.report import opening, recommendation, rows, runs, verdicts
from infohorizon.report.explorer import COUNTS, embedded, explorer

HERE = Path(__file__).parent
LARGEST_SVG = 600_000  # bytes; a larger figure is embedded as a JPEG
TITLES = {
    "information": "Usable information by layer",
    "removals": "One horizon, several removals",
    "states": "Matrix entropy of the visual states",
    "horizon": "Horizons under every criterion",
    "sweep": "Every strategy beside random",
    "reads": "The layer that is read",
    "schedules": "Schedules and their visual tokens",
    "heatmaps": "Heat maps of token information",
}


@dataclass(frozen=True)
class Files:
    """The files that the page is made from; tables of all models and benchmarks.

    Attributes:
        svg, png, captions: one of each for every figure, in the order of the page; captions are plain text.
        recommendation: tables of the models for which schedules have been recommended, their figures beside them.
    """

    questions: Sequence[str]
    images: Sequence[str]
    vision: Sequence[str]
    answers: Sequence[str]
    downsample: Sequence[str]
    information: Sequence[str]
    removals: Sequence[str]
    states: Sequence[str]
    sweep: Sequence[str]
    schedules: Sequence[str]
    horizon: str
    comparison: str
    findings: str
    metrics: str
    svg: Sequence[str]
    png: Sequence[str]
    captions: Sequence[str]
    recommendation: Sequence[str] = ()


@dataclass(frozen=True)
class Study:
    """What the page is told beside the tables.

    Attributes:
        models, benchmarks: their names, in the order of the page.
        tasks: benchmark → task.
        settings: the configuration to print.
        window: w of the w × w windows of the information stage.
        folder: the study's results, for what its jobs left in `timings/` and `logs/`; empty: nothing is said of it.
        commit: of the workflow; may be empty.
    """

    models: Sequence[str]
    benchmarks: Sequence[str]
    tasks: Mapping[str, str]
    settings: Mapping[str, Any]
    window: int
    folder: str = ""
    commit: str = ""


def build(files: Files, study: Study) -> str:
    """The page as text; equal files and an equal study give equal text."""
    questions = observations.questions(files.questions)
    answers = observations.answers(files.answers, questions)
    information = observations.information(files.information, questions)
    states = observations.states(files.states, questions)
    horizon = tables.read(files.horizon, "horizon")
    comparison = tables.read(files.comparison, "comparison")
    metrics = tables.read(files.metrics, "metrics")
    provenance = rows.provenance(_stages(files))
    readers = oracles(study.settings.get("strategies", {}))
    sources = examples.Sources(questions, files.images, files.information, files.vision, study.window)
    shown = explorer(_sampled(sources, study, information, files.sweep), answers, files.sweep)
    script = (HERE / "explorer.js").read_text(encoding="utf-8")
    return _template().render(
        models=study.models,
        benchmarks=study.benchmarks,
        questions=questions.height,
        findings=verdicts.verdicts(tables.read(files.findings, "findings")),
        facts=runs.facts(study.folder, study.models, study.tasks, study.commit),
        cards=opening.cards((study.models, study.benchmarks), horizon, metrics, information, answers, readers),
        **_scope(study, provenance),
        figures=[_figure(*paths) for paths in zip(files.svg, files.png, files.captions, strict=True)],
        metrics=rows.metrics(metrics),
        relative=rows.relative(metrics),
        best=rows.best_strategies(metrics, readers),
        downsampled=rows.downsampled(metrics),
        downsampled_heads=rows.DOWNSAMPLED,
        swept=rows.strategies_over_layers(metrics),
        spellings=observations.other_spellings(files.answers).filter(pl.col("other") > 0).to_dicts(),
        horizons=rows.beside_collapse(rows.by_criterion(horizon, VANISHING), collapses(states)),
        parities=rows.by_criterion(horizon, AGAINST_RANDOM),
        removals=rows.by_removal(horizon),
        all_horizons=rows.horizons(horizon),
        schedules=rows.comparisons(comparison, "schedule"),
        strategies=rows.comparisons(comparison, "strategy"),
        selected=rows.comparisons(comparison, "selected"),
        recommendations=[_recommendation(path, files.sweep) for path in files.recommendation],
        advice_heads=recommendation.HEADS,
        paper=paper.beside(horizon, metrics, study.tasks, provenance["models"]),
        rounding=rows.rounding(files.information),
        answer_rounding=rows.answer_rounding(files.removals),
        provenance=provenance,
        settings=json.dumps(study.settings, indent=2, sort_keys=True, ensure_ascii=False),
        divergence=study.settings["horizon"]["divergence"],
        confidence=rows.percent(study.settings.get("horizon", {}).get("confidence", 0.95)),
        explorer=bool(shown["examples"]),
        explorer_data=Markup(embedded(shown)),
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _scope(study: Study, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says of the models and images that come with this project, and whom its verdicts are about."""
    small, drawn = opening.bundled(provenance["models"]), opening.drawn(provenance["benchmarks"])
    all_small = len(small) == len(study.models)
    this, models = ("this", "model") if len(study.models) == 1 else ("these", "models")
    scope = f"for {this} small {models}" if all_small else f"for {this} {models}"
    all_drawn = len(drawn) == len(study.benchmarks)
    return {"bundled": small, "all_bundled": all_small, "drawn": drawn, "all_drawn": all_drawn, "scope": scope}


def oracles(own: Mapping[str, Any]) -> list[str]:
    """Names of the oracle and of its variants in the configuration's `strategies`."""
    return [name for name in (strategies.ORACLE, *own) if strategies.is_oracle(name, own)]


def _figure(svg: str, png: str, caption: str) -> tuple[str, str, str, str]:
    """Name, title, caption and data URI of a figure."""
    text, name = Path(caption).read_text(encoding="utf-8"), Path(svg).stem
    return name, TITLES.get(name, name), " ".join(text.split()), figure_uri(svg, png)


def figure_uri(svg: str | Path, png: str | Path) -> str:
    """The figure as a data URI: the SVG, or, where that is large (heat maps), a JPEG of the PNG."""
    content = Path(svg).read_bytes()
    if len(content) <= LARGEST_SVG:
        return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    buffer = io.BytesIO()
    Image.open(png).convert("RGB").save(buffer, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _recommendation(path: str, sweep: Sequence[str]) -> dict[str, Any]:
    """What the page says of one model's recommended schedules: model, about, figure, advice, outdated.

    outdated: whether a sweep of the model is newer than the table, which the page never makes again.
    """
    table, loss = tables.read(path, "recommendation"), tables.read_metadata(path)["configuration"]["settings"]["loss"]
    figure = figure_uri(Path(path).with_suffix(".svg"), Path(path).with_suffix(".png"))
    said = {"about": recommendation.about(table, loss), "advice": recommendation.advice(table)}
    model, written = table["model"][0], Path(path).stat().st_mtime
    outdated = any(Path(part).stat().st_mtime > written for part in tables.matching(sweep, "sweep", model=model))
    return {"model": model, "figure": figure, "outdated": outdated, **said}


def _stages(files: Files) -> dict[str, Sequence[str]]:
    """The files whose metadata say where the numbers come from."""
    return {
        "benchmarks": files.questions,
        "vision": files.vision,
        "answers": files.answers,
        "downsample": files.downsample,
        "information": files.information,
        "removals": files.removals,
        "states": files.states,
        "sweep": files.sweep,
        "schedules": files.schedules,
        "horizon": [files.horizon, files.comparison, files.findings],
        "metrics": [files.metrics],
    }


def _sampled(
    sources: examples.Sources, study: Study, information: pl.DataFrame, sweep: Sequence[str]
) -> list[list[examples.Example]]:
    """Examples for the explorer: evenly spaced questions, those with swept answers where there are any."""
    if information.is_empty():
        return []
    sampled = []
    for model in study.models:
        for benchmark in study.benchmarks:
            measured = information.filter(model=model, benchmark=benchmark)["question_id"].unique()
            both = measured.filter(measured.is_in(observations.swept(sweep, model, benchmark).implode()))
            chosen = examples.evenly(both if len(both) else measured, COUNTS[0])
            sampled.append(examples.load(sources, model, benchmark, chosen))
    return sampled


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["enumerated"] = enumerated
    return environment.get_template("report.html.j2")


def enumerated(names: Sequence[str]) -> str:
    """Names as a sentence lists them: a, b and c."""
    return " and ".join([", ".join(names[:-1]), *names[-1:]]) if len(names) > 1 else "".join(names)
