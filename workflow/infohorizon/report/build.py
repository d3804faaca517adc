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

from infohorizon import tables
from infohorizon.analysis import paper, summaries
from infohorizon.analysis.findings import AGAINST_RANDOM, HORIZONS, findings
from infohorizon.figures import examples
from infohorizon.report import rows
from infohorizon.report.explorer import COUNTS, embedded, explorer

HERE = Path(__file__).parent
LARGEST_SVG = 600_000  # bytes; a larger figure is embedded as a JPEG
CAPTIONS = {
    "information": "Token information by layer: mean over questions of the largest |information| over windows, of the "
    "first answer token and of the whole answer, and the spread over windows. Bands: 95 % bootstrap intervals over "
    "images. Bars above the curves: horizons with their intervals.",
    "horizon": "Horizons by benchmark and model at the configured thresholds, with bootstrap intervals over images; "
    "rings: at half and twice the threshold.",
    "sweep": "Score by the layer at whose input tokens leave. Random is the thick black line; bars and bands: 95 % "
    "bootstrap intervals over images.",
    "schedules": "Score against the mean number of visual tokens over all decoder layers; 95 % bootstrap intervals.",
    "heatmaps": "Token information over images, layer by layer: of every model and benchmark the question with the "
    "largest |information|, so the clearest and not a typical example.",
}


@dataclass(frozen=True)
class Inputs:
    """Everything the page is made from.

    Attributes:
        tasks: benchmark → task.
        settings: the configuration to print.
        window: w of the w × w windows of the information stage.
        paths: stage (vision, answers, information, sweep, schedules) → model → benchmark → parts.
        questions, images: benchmark → table.
        figures: name → (SVG file, PNG file), in the order of the page.
    """

    models: Sequence[str]
    benchmarks: Sequence[str]
    tasks: Mapping[str, str]
    settings: Mapping[str, Any]
    window: int
    paths: Mapping[str, summaries.Paths]
    questions: Mapping[str, str]
    images: Mapping[str, str]
    horizon: str
    comparison: str
    figures: Mapping[str, tuple[str, str]]


def build(inputs: Inputs) -> str:
    """The page as text; equal inputs give equal text."""
    asked = summaries.questions(inputs.questions)
    answers = summaries.answers(inputs.paths["answers"], asked)
    information = summaries.information(inputs.paths["information"], asked)
    sweep = summaries.sweep(inputs.paths["sweep"], asked)
    schedules = summaries.schedules(inputs.paths["schedules"], asked)
    horizon = tables.read(inputs.horizon, "horizon")
    comparison = tables.read(inputs.comparison, "comparison")
    standing = {"benchmarks": list(inputs.questions.values()), "horizon": [inputs.horizon, inputs.comparison]}
    provenance = rows.provenance(inputs.paths, standing)
    script = (HERE / "explorer.js").read_text(encoding="utf-8")
    shown = explorer(_sampled(inputs, asked, information, sweep), answers, inputs.paths["sweep"])
    return _template().render(
        models=inputs.models,
        benchmarks=inputs.benchmarks,
        questions=asked.height,
        findings=findings(horizon, comparison, information, answers, inputs.tasks, inputs.models),
        figures=[(name, CAPTIONS[name], figure_uri(*paths)) for name, paths in inputs.figures.items()],
        scores=rows.scores(answers, inputs.models, inputs.benchmarks),
        best=rows.best_strategies(sweep, inputs.models, inputs.benchmarks),
        horizons=rows.by_criterion(horizon, HORIZONS),
        parities=rows.by_criterion(horizon, AGAINST_RANDOM),
        all_horizons=rows.horizons(horizon),
        schedules=rows.comparisons(comparison, "schedule"),
        strategies=rows.comparisons(comparison, "strategy"),
        paper=paper.beside(horizon, schedules, answers, inputs.tasks, provenance["models"]),
        provenance=provenance,
        settings=json.dumps(inputs.settings, indent=2, sort_keys=True, ensure_ascii=False),
        confidence=f"{inputs.settings.get('horizon', {}).get('confidence', 0.95):.0%}",
        explorer=bool(shown["examples"]),
        explorer_data=Markup(embedded(shown)),
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def figure_uri(svg: str | Path, png: str | Path) -> str:
    """The figure as a data URI: the SVG, or, where that is large (heat maps), a JPEG of the PNG."""
    content = Path(svg).read_bytes()
    if len(content) <= LARGEST_SVG:
        return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    buffer = io.BytesIO()
    Image.open(png).convert("RGB").save(buffer, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _sampled(
    inputs: Inputs, asked: pl.DataFrame, information: pl.DataFrame, sweep: pl.DataFrame
) -> list[list[examples.Example]]:
    """Examples for the explorer: evenly spaced questions, those with swept answers where there are any."""
    sampled = []
    for model, of in inputs.paths["information"].items():
        for benchmark, parts in of.items():
            measured = information.filter(model=model, benchmark=benchmark)
            if not sweep.is_empty():
                swept = sweep.filter(model=model, benchmark=benchmark)
                both = measured.join(swept, on="question_id", how="semi")
                measured = both if both.height else measured
            chosen = examples.evenly(measured["question_id"], COUNTS[0])
            vision = inputs.paths["vision"][model][benchmark]
            sampled.append(
                examples.load(model, benchmark, chosen, asked, inputs.images[benchmark], parts, vision, inputs.window)
            )
    return sampled


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2")
