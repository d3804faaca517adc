"""The head of the page: what these models are, and for each model and benchmark a sentence and a small figure."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

import polars as pl
from markupsafe import Markup, escape

from infohorizon.analysis import observations
from infohorizon.analysis.criteria import with_worth
from infohorizon.analysis.horizons import configured
from infohorizon.figures import style
from infohorizon.report.verdicts import by_pair

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 260, 96, 34, 8, 8, 20  # of a small figure and its margins


class Card(NamedTuple):
    """One model on one benchmark; `score` and `found` are sentences, `figure` is an SVG element, each may be empty."""

    model: str
    benchmark: str
    score: str
    found: str
    figure: Markup


def cards(
    names: tuple[Sequence[str], Sequence[str]],
    horizon: pl.DataFrame,
    metrics: pl.DataFrame,
    information: pl.DataFrame,
    answers: pl.DataFrame,
    oracles: Collection[str],
) -> list[Card]:
    """A card for every model and benchmark of which something is known.

    Args:
        names: models and benchmarks, in the order of the page.
        information, answers: `observations.information` and `observations.answers`.
        oracles: strategies that read the label.
    """
    scores, found = _scores(metrics), by_pair(horizon, oracles)
    curves = pl.DataFrame()
    if not information.is_empty():
        usable = with_worth(information, answers, ["model", "benchmark"])
        mean = pl.col("usable information", "worth information").mean()
        curves = usable.group_by("model", "benchmark", "layer").agg(mean).sort("layer")
    shown = []
    for model in names[0]:
        for benchmark in names[1]:
            pair = (model, benchmark)
            text = found.get(pair, "")
            card = Card(*pair, scores.get(pair, ""), text[:1].upper() + text[1:], _figure(pair, curves, horizon))
            shown += [card] if any(card[2:]) else []
    return shown


def bundled(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of the small models that come with this project; `models`: name → what the tables record of its source."""
    return [name for name, about in models.items() if _folder(about).parts[-3:-1] == ("resources", "models")]


def drawn(benchmarks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of the benchmarks whose images this project draws."""
    return [name for name, about in benchmarks.items() if about.get("source") == "rendered"]


def _folder(about: Mapping[str, Any]) -> PurePath:
    return PurePath(str(about.get("source", "")))


def _scores(metrics: pl.DataFrame) -> dict[tuple[str, str], str]:
    """(model, benchmark) → its own metric with the image and without it."""
    levels = pl.concat([observations.own_metric(metrics, name) for name in ("full", "blind")])
    texts: dict[tuple[str, str], str] = {}
    for (model, benchmark), own in levels.partition_by("model", "benchmark", as_dict=True).items():
        means = dict(own.select("condition", "mean").iter_rows())
        said = [f"{means[name]:.1f} {how}" for name, how in LEVELS.items() if means.get(name) is not None]
        texts[str(model), str(benchmark)] = f"{style.metric_label(own)}: {', '.join(said)}."
    return texts


LEVELS = {"full": "with the image", "blind": "without it"}


def _figure(pair: tuple[str, str], curves: pl.DataFrame, horizon: pl.DataFrame) -> Markup:
    """Usable information by layer as a small SVG: the curve, what the whole image is worth, and the horizon."""
    name = dict(zip(("model", "benchmark"), pair, strict=True))
    curve = curves.filter(**name) if not curves.is_empty() else curves
    if curve.is_empty():
        return Markup("")
    rows = configured(horizon).filter(**name, criterion="information", strategy="").to_dicts()
    row = rows[0] if rows and rows[0]["layer"] is not None else None
    depth = row["depth"] if row else curve["layer"].max() + 1
    worth = curve["worth information"][0]
    values = [0.0, worth, *curve["usable information"]]
    low, high = min(values), max(values) or 1.0

    def x(layer: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * layer / depth, 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low), 1)

    points = " ".join(f"{x(layer)},{y(value)}" for layer, value in curve.select("layer", "usable information").rows())
    where = _where(row)
    parts = [
        f'<path class="axis" d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>',
        f'<path class="worth" d="M{LEFT},{y(worth)}H{WIDTH - RIGHT}"/>',
        *_mark(row, x),
        f'<polyline class="curve" points="{points}"/>',
        f'<text x="{LEFT - 4}" y="{y(0) + 4}" text-anchor="end">0</text>',
        f'<text x="{LEFT - 4}" y="{min(y(worth), y(0) - 12) + 4}" text-anchor="end">{worth:.2f}</text>',
        *(f'<text x="{x(layer)}" y="{HEIGHT - 6}" text-anchor="middle">{layer}</text>' for layer in (0, depth)),
        f'<text x="{x(depth / 2)}" y="{HEIGHT - 6}" text-anchor="middle">layer</text>',
    ]
    label = escape(f"{pair[0]} on {pair[1]}: usable information by layer, at most {high:.2f}; {where}")
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
    return Markup(f'<svg class="small" role="img" aria-label="{label}" {box}>{"".join(parts)}</svg>')


def _mark(row: Mapping[str, Any] | None, x: Any) -> list[str]:
    """The horizon's confidence set as a band, and the horizon itself where it is reached."""
    if row is None:
        return []
    base = HEIGHT - BOTTOM
    left, width = x(row["low"]) - 1, x(row["high"]) - x(row["low"]) + 2
    band = f'<rect class="set" x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{base - TOP}"/>'
    line = f'<path class="horizon" d="M{x(row["layer"])},{TOP}V{base}"/>'
    return [band, line] if row["layer"] < row["depth"] else [band]


def _where(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "horizon not measurable"
    return f"horizon at layer {row['layer']}" if row["layer"] < row["depth"] else "horizon not reached"
