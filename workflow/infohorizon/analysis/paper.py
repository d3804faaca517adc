"""The paper's reported values (arXiv 2512.07580) beside what was measured; only where its models were run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from infohorizon.analysis.cases import layers
from infohorizon.analysis.horizons import configured

KNOWLEDGE, OCR = ("mme", "pope", "scienceqa"), ("textvqa", "ocrbench")


class Reported(NamedTuple):
    """A model of the paper: how its source is recognised, the layer at which its horizon is reported, by task."""

    name: str
    source: str
    layers: Mapping[str, int]


MODELS = (
    Reported("LLaVA-1.5-7B", "llava-1.5-7b", {"mme": 16, "textvqa": 24}),
    Reported("Qwen2.5-VL-7B", "qwen2.5-vl-7b", dict.fromkeys(KNOWLEDGE, 20) | dict.fromkeys(OCR, 27)),
)

# Qwen2.5-VL-7B, half of the visual tokens pruned: MME, TextVQA, MMBench, OCRBench; all relative to unpruned.
QWEN = (
    ("unpruned", "2313", "85.4", "79.8", "88.5", "100 %"),
    ("DART", "2295", "82.1", "79.6", "75.5", "92.7 %"),
    ("DivPrune", "2291", "83.1", "79.4", "84.1", "96.7 %"),
    ("DART + random", "2318", "82.7", "79.6", "77.9", "93.9 %"),
    ("DivPrune + random", "2302", "83.4", "79.5", "85.3", "96.9 %"),
)


def beside(
    horizon: pl.DataFrame,
    metrics: pl.DataFrame,
    tasks: Mapping[str, str],
    sources: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Horizons and relative scores reported and measured; an empty dict where none of the paper's models was run.

    Args:
        sources: model → its metadata with `source`.
    """
    run = {
        name: reported
        for name, metadata in sources.items()
        for reported in MODELS
        if reported.source in str(metadata.get("source", "")).lower()
    }
    if not run:
        return {}
    rows = [
        [model, benchmark, f"≈ {run[model].layers[task]}", layers(row)]
        for model in run
        for benchmark, task in tasks.items()
        if task in run[model].layers
        for row in configured(horizon)
        .filter(model=model, benchmark=benchmark, criterion="information")
        .iter_rows(named=True)
    ]
    qwen = [name for name, reported in run.items() if reported.name.startswith("Qwen")]
    measured = [row for name in qwen for row in relative(metrics, name)]
    return {"horizons": rows, "qwen": QWEN if qwen else (), "relative": measured}


def relative(metrics: pl.DataFrame, model: str) -> list[list[str]]:
    """model, schedule, relative score with its interval: mean over benchmarks of the ratios of their own metrics.

    Schedules without any ratio, where the unpruned scores are 0, are left out; one image has no interval.
    """
    own = metrics.filter(pl.col("benchmark").is_null(), model=model, condition="schedule").drop_nulls("value")
    rows = []
    for row in own.iter_rows(named=True):
        interval = "" if row["low"] is None else f" [{row['low']:.1f}, {row['high']:.1f}]"
        rows.append([model, row["name"], f"{row['value']:.1f} %{interval}"])
    return rows
