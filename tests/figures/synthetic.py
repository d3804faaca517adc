"""A small, made-up study on disk with planted horizons: 2 models × 3 benchmarks, every stage, real table files.

`make(folder)` writes it; nothing is random but a fixed, seeded jitter. The information horizon of `base` lies at 3, 4
and 6 (knowledge, perception, reading), that of `strong` one layer deeper; strategies beat random before that layer.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image, ImageDraw

from figures.planted import DEPTH, IMAGES, KEEPS, comparison_rows, findings_rows, horizon_rows
from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.metric_table import Answered, Settings, metric_rows, relative_rows, runs
from infohorizon.analysis.reading import per_question
from infohorizon.benchmarks import create

GRID, WINDOW = 8, 2
WINDOWS = (GRID // WINDOW) ** 2
MODELS = ["base", "strong"]
BENCHMARKS = ["knowledge", "perception", "reading"]
STRATEGIES = ["random", "drop-all", "fastv", "divprune", "information"]
REMOVALS = ["delete", "zero", "mean", "text"]
SCHEDULES = {"divprune-16": 16.0, "divprune-20+random-4": 16.2, "fastv-8": 9.5}
HORIZONS = {"knowledge": 3, "perception": 4, "reading": 6}
FULL = {"knowledge": 0.85, "perception": 0.9, "reading": 0.95}
BLIND = {"knowledge": 0.6, "perception": 0.5, "reading": 0.0}
HOSTILE = "</script><img src=x onerror=\"document.title='pwned'\"><!-- {{ 7*7 }} & 'quoted'"


@dataclass
class Study:
    """Paths as figures and report take them (stage → files of all models and benchmarks), and what was planted."""

    folder: Path
    models: list[str]
    benchmarks: list[str]
    paths: dict[str, list[str]] = field(default_factory=dict)
    horizons: dict[tuple[str, str], int] = field(default_factory=dict)

    def path(self, table: str, **wildcards: str | int) -> str:
        return str(self.folder / tables.TABLES[table].path.format(**wildcards))

    def parts(self, stage: str, model: str, benchmark: str) -> list[str]:
        return tables.matching(self.paths[stage], stage, model=model, benchmark=benchmark)

    def swept(self) -> pl.DataFrame:
        """Per question, strategy, layer and keep of every model and benchmark: score and tokens, mean over repeats."""
        return pl.concat(
            per_question(
                tables.read(self.parts("sweep", model, name), "sweep"), ["strategy", "layer", "keep"]
            ).with_columns(model=pl.lit(model), benchmark=pl.lit(name))
            for model in self.models
            for name in self.benchmarks
        )

    @property
    def questions(self) -> list[str]:
        return [self.path("benchmark", benchmark=name) for name in self.benchmarks]

    @property
    def images(self) -> list[str]:
        return [self.path("images", benchmark=name) for name in self.benchmarks]

    @property
    def horizon(self) -> str:
        return self.path("horizon")

    @property
    def comparison(self) -> str:
        return self.path("comparison")

    @property
    def findings(self) -> str:
        return self.path("findings")

    @property
    def metrics(self) -> str:
        return self.path("metrics")


def make(
    folder: Path,
    models: list[str] = MODELS,
    benchmarks: list[str] = BENCHMARKS,
    strategies: list[str] = STRATEGIES,
    schedules: dict[str, float] = SCHEDULES,
) -> Study:
    """Write every table of the study under `folder`."""
    study = Study(folder, list(models), list(benchmarks))
    horizon, comparison = [], []
    for benchmark in benchmarks:
        _benchmark(study, benchmark)
    for model in models:
        for benchmark in benchmarks:
            layer = HORIZONS[benchmark] + (model == "strong")
            study.horizons[model, benchmark] = layer
            _stages(study, model, benchmark, layer, strategies, schedules)
            horizon += horizon_rows(model, benchmark, layer, strategies)
            comparison += comparison_rows(model, benchmark, layer, strategies, schedules)
    estimated = _metadata("horizon") | {"configuration": {"settings": {"oracles": ["information"]}}}
    tables.write(study.horizon, "horizon", horizon, estimated)
    tables.write(study.comparison, "comparison", comparison, estimated)
    answers = observations.answers(study.paths["answers"], observations.questions(study.questions))
    tables.write(study.findings, "findings", findings_rows(horizon, comparison, answers), estimated)
    tables.write(study.metrics, "metrics", _metrics(study), _metadata("metrics"))
    return study


def _metrics(study: Study) -> list[dict[str, Any]]:
    """Rows of the metrics table; every benchmark is scored as `vqa`."""
    rows, settings = [], Settings(resamples=50)
    for model in study.models:
        found = []
        for name in study.benchmarks:
            read = {
                stage: tables.read(study.parts(stage, model, name), stage)
                for stage in ("answers", "downsample", "sweep", "schedules")
                if study.paths.get(stage)
            }
            kinds = {"downsample": "downsample", "sweep": "strategy", "schedules": "schedule"}
            pruned = [runs(read[stage], kind) for stage, kind in kinds.items() if stage in read]
            questions = tables.read(study.path("benchmark", benchmark=name), "benchmark")
            full_and_blind = runs(read["answers"], "answers")
            task, baselines = create("vqa"), dict.fromkeys(["fastv", "divprune", "information"], "random")
            own = Answered(model, name, task, questions, full_and_blind, pruned, baselines, "paper 0123abcd")
            some, relative = metric_rows(own, settings)
            rows += some
            found.append(relative)
        rows += relative_rows(model, found, settings)
    return rows


def _metadata(stage: str, model: str = "", benchmark: str = "") -> dict[str, Any]:
    metadata = {"stage": stage, "code": "0123abcd", "configuration": {"window": WINDOW}, "packages": {"torch": "2.13"}}
    if model:
        metadata["model"] = {"source": f"resources/{model}", "revision": "r1", "layers": DEPTH}
    if benchmark:
        metadata["benchmark"] = {"source": f"resources/{benchmark}", "revision": "b1"}
    if benchmark == "reading":
        metadata["benchmark"]["skipped"] = ["row 3 of column 'image' cannot be decoded (it is empty)"]
    return metadata


def _ids(benchmark: str) -> list[str]:
    return [f"{benchmark}-{index:02d}" for index in range(2 * IMAGES)]


def _benchmark(study: Study, name: str) -> None:
    rows = [
        {
            "question_id": question,
            "image_id": f"image-{index // 2}",
            "question": HOSTILE if index == 0 else f"What does the {name} scene {index} show at the top?",
            "hint": "",
            "options": [],
            "ocr_tokens": [],
            "label": HOSTILE if index == 0 else f"word{index}",
            "answers": [f"word{index}"],
            "category": "planted",
        }
        for index, question in enumerate(_ids(name))
    ]
    tables.write(study.path("benchmark", benchmark=name), "benchmark", rows, _metadata("benchmarks", benchmark=name))
    pictures = [
        {"image_id": f"image-{index}", "image": _picture(index, name), "width": 96, "height": 96}
        for index in range(IMAGES)
    ]
    tables.write(study.path("images", benchmark=name), "images", pictures, _metadata("benchmarks", benchmark=name))


def _picture(index: int, text: str) -> bytes:
    image = Image.new("RGB", (96, 96), (235, 240, 225))
    draw = ImageDraw.Draw(image)
    x, y = 8 + 24 * (index % 3), 8 + 20 * (index % 4)
    draw.ellipse([x, y, x + 26, y + 26], fill=((60 * index) % 255, 90, 180))
    draw.text((30, 80), text[:8].upper(), fill=(20, 20, 20))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _stages(study: Study, model: str, benchmark: str, horizon: int, strategies: list, schedules: dict) -> None:
    jitter = np.random.default_rng([len(model), len(benchmark)])
    ids, full, blind = _ids(benchmark), FULL[benchmark] - 0.1 * (model == "base"), BLIND[benchmark]

    def save(stage: str, rows: list) -> None:
        half = len(rows) // 2
        for shard, part in enumerate([rows[:half], rows[half:]]):
            path = study.path(stage, model=model, benchmark=benchmark, shard=shard)
            tables.write(path, stage, part, _metadata(stage, model, benchmark))
            study.paths.setdefault(stage, []).append(path)

    def answer(question: str, index: int, score: float, **other: Any) -> dict[str, Any]:
        right = (index + 0.5) / len(ids) < score
        text = HOSTILE if index == 0 else f"word{index}" if right else "nothing"
        found = {"question_id": question, "answer": text, "score": float(right), "label_probability": score}
        return {**found, "answer_probability": score / 2, "divergence": 0.5, **other}

    numbered = list(enumerate(ids))
    features = {
        "features": [0.0] * 4,
        "feature_width": 1,
        **{name: [0.0] for name in ("saliency", "early_saliency", "received", "middle_received")},
        "key_width": 1,
        "keys": [0.0],
        "frame": [0.0, 0.0, 96.0, 96.0],
    }
    grid = {"grid_height": GRID, "grid_width": GRID}
    save("vision", [{"image_id": f"image-{index}", **grid, **features} for index in range(IMAGES)])
    levels = {"full": full, "blind": blind}
    save(
        "answers", [answer(q, i, s, condition=c, other_spelling=i < 3) for i, q in numbered for c, s in levels.items()]
    )
    smaller = {"keep": KEEPS[1], "tokens": 8, "width": 34, "height": 34}
    save("downsample", [answer(q, i, (full + blind) / 2, **smaller) for i, q in numbered])
    save("information", [row for i, q in numbered for row in _information(q, i, horizon, jitter)])
    save("removals", [row for i, q in numbered for row in _removals(q, i, horizon)])
    save("states", [row for i, q in numbered for row in _states(q, i, horizon)])
    rows = []
    for strategy in strategies:
        for layer in range(1, DEPTH):
            for keep in [0.0] if strategy == "drop-all" else KEEPS:
                score = _score(strategy, layer, keep, horizon, full, blind)
                for repeat in range(3 if strategy == "random" else 1):
                    cell = {"strategy": strategy, "layer": layer, "keep": keep, "repeat": repeat}
                    cell |= {"kept": None, "tokens": int(keep if keep >= 1 else keep * 64)}
                    rows += [answer(q, i, score - 0.05 * repeat, **cell) for i, q in numbered]
    if rows:
        save("sweep", rows)
    rows = []
    for index, (schedule, tokens) in enumerate(schedules.items()):
        cell = {"schedule": schedule, "repeat": 0, "mean_tokens": tokens, "kept": None}
        rows += [answer(q, i, full - 0.05 * index, **cell) for i, q in numbered]
    if rows:
        save("schedules", rows)


def _information(question: str, index: int, horizon: int, jitter: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for layer in range(1, DEPTH):
        height = 0.6 * max(0.0, 1 - layer / horizon) + 0.2 * (layer < horizon)
        for window in range(WINDOWS):
            value = height * (1.0 if window == index % WINDOWS else -0.25 if window == (index + 5) % WINDOWS else 0.05)
            value += 0.002 * float(jitter.standard_normal())
            rows.append(
                {
                    "question_id": question,
                    "layer": layer,
                    "window": window,
                    "probability": 0.2 + value,
                    "text_probability": 0.2,
                    "information": value,
                    "answer_probability": 0.1 + 0.7 * value,
                    "text_answer_probability": 0.1,
                    "answer_information": 0.7 * value,
                    "text_divergence": height,
                }
            )
    return rows


def _removals(question: str, index: int, horizon: int) -> list[dict[str, Any]]:
    rows = []
    for place, removal in enumerate(REMOVALS):
        for layer in range(DEPTH):
            lost = 0.7 * max(0.0, 1 - layer / horizon) if removal != "text" else 0.08 * layer
            lost += 0.01 * place - 0.002 * (index % 5)
            rows.append(
                {
                    "question_id": question,
                    "removal": removal,
                    "layer": layer,
                    "probability": 0.9 - lost,
                    "answer_probability": 0.8 - 0.7 * lost,
                    "full_probability": 0.9,
                    "full_answer_probability": 0.8,
                    "divergence": abs(lost),
                    "answer": f"word{index}",
                    "score": 1.0,
                }
            )
    return rows


def _states(question: str, index: int, horizon: int) -> list[dict[str, Any]]:
    """Entropy collapses at the planted horizon."""
    return [
        {
            "question_id": question,
            "layer": layer,
            "entropy": 0.9 - 0.01 * layer - 0.3 * (layer >= horizon) + 0.001 * (index % 3),
            "query_entropy": 0.2 * layer if layer else None,
        }
        for layer in range(DEPTH)
    ]


def _score(strategy: str, layer: int, keep: float, horizon: int, full: float, blind: float) -> float:
    share = {"drop-all": 0.0, "random": 0.45, "fastv": 0.6, "divprune": 0.7, "information": 0.95}[strategy]
    share *= 1.0 if keep >= 1 else 0.7
    return full if layer >= horizon else blind + (full - blind) * max(share, layer / (horizon + 3))
