"""The horizons: from which layer on visual tokens, and the choice among them, stop mattering."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from infohorizon.analysis.criteria import BOUNDED, Criterion, Settings
from infohorizon.analysis.curves import Found, Ratio
from infohorizon.analysis.statistics import resolution

FACTORS = (0.5, 1.0, 2.0)


class Whose(NamedTuple):
    """Of which model and benchmark a criterion is; depth: decoder layers of the model."""

    model: str
    benchmark: str
    depth: int


class Worth(NamedTuple):
    """What a criterion's reference is worth, with its one-sided lower bound; None where it has no reference."""

    mean: float | None
    low: float | None
    enough: bool = True


def measured_worth(criterion: Criterion, level: float) -> Worth:
    """Whether the whole image is worth enough for its vanishing to be measured."""
    if not isinstance(criterion.curve, Ratio) or criterion.floor is None:
        return Worth(None, None)
    mean, low = criterion.curve.worth(level)
    return Worth(mean, low, low >= criterion.floor)


def horizons(whose: Whose, found: Sequence[Criterion], settings: Settings) -> list[dict[str, Any]]:
    """Rows of the horizon table for one model on one benchmark."""
    return [row for criterion in found for row in _rows(whose, criterion, settings)]


def out_of_reach(rows: list[dict[str, Any]], settings: Settings) -> list[str]:
    """A sentence for each criterion of `horizons` that so few images cannot meet, whatever the answers."""
    sentences = set()
    for row in rows:
        finest = resolution(row["images"], settings.confidence)
        whole = row["factor"] == 1 and not row["category"]
        if row["criterion"] in BOUNDED and whole and row["threshold"] < finest:
            removal = f" (removal {row['removal']})" if row["removal"] else ""
            sentences.add(
                f"{row['model']} on {row['benchmark']}: {row['criterion']}{removal} at {row['threshold']:g} is out of "
                f"reach, since {row['images']} images show no margin below {finest:.3f}"
            )
    return sorted(sentences)


def configured(horizon: pl.DataFrame) -> pl.DataFrame:
    """The rows of the horizon table at the thresholds of config.yaml, over all keeps and categories at once.

    Those of the removals table, which say how the horizon depends on the removal, are left out.
    """
    return horizon.filter(pl.col("keep").is_null(), factor=1.0, category="", removal="")


def depth_of(horizon: pl.DataFrame, measured: pl.DataFrame, **name: str) -> int:
    """Largest depth among the named rows of the horizon table; without one, the last measured layer + 1."""
    rows = horizon.filter(**name)
    if rows.is_empty():
        return max(measured.filter(**name)["layer"]) + 1
    return max(rows["depth"])


def _rows(whose: Whose, criterion: Criterion, settings: Settings) -> Iterator[dict[str, Any]]:
    """One row per threshold."""
    level = 1 - settings.confidence
    worth = measured_worth(criterion, level)
    for factor in FACTORS:
        threshold = factor * criterion.threshold
        found = criterion.curve.horizon(threshold, level, whose.depth) if worth.enough else None
        yield {
            **whose._asdict(),
            "criterion": criterion.name,
            "category": criterion.category,
            "removal": criterion.removal,
            "strategy": criterion.strategy,
            "keep": criterion.keep,
            "factor": factor,
            "threshold": threshold,
            **(found or Found(*4 * [None]))._asdict(),  # type: ignore[arg-type]
            "worth": worth.mean,
            "worth_low": worth.low,
            "questions": criterion.questions,
            "images": criterion.curve.images,
        }
