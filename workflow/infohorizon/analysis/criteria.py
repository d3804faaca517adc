"""The criteria of a horizon: from the tables of one model on one benchmark to a curve for each.

information, answer-information   usable information U(l) = mean of p_full − p_text(l), as a share of U(blind)
label-free                        share of questions whose first-token distribution moves by more than τ nats
label-free-ratio                  mean divergence as a share of that without the image
label-free-trimmed                mean divergence, the largest 5 % of questions left out
redundancy                        loss of score when every visual token is dropped
metric                            loss of the benchmark's own metric then, as a share of the full model's
no-advantage, random-parity       a strategy's gain in score over random (parity: either way)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from infohorizon.analysis.curves import Bounded, Curve, Ratio
from infohorizon.analysis.panels import CELL, Panel, Tables
from infohorizon.analysis.statistics import Clusters, trimmed

LABEL_FREE = ("label-free", "label-free-ratio", "label-free-trimmed")
VANISHING = ("information", "answer-information", *LABEL_FREE, "redundancy", "metric")
AGAINST_RANDOM = ("no-advantage", "random-parity")
BOUNDED = ("label-free", "redundancy", "metric", *AGAINST_RANDOM)
"""Criteria on bounds of differences in [−1, 1]. Few images never reach them (statistics.resolution)."""
TRIMMED = 0.05

# Criterion → columns of p_text(l) in the information table, and of p_full and p_blind in the answers table.
USABLE = {
    "information": ("text_probability", "label_probability"),
    "answer-information": ("text_answer_probability", "answer_probability"),
}


@dataclass(frozen=True)
class Settings:
    """The `horizon` section of config.yaml.

    Attributes:
        tolerance: share of what the whole image is worth up to which usable information counts as gone.
        floor: what the image must be worth, in probability, for its horizon to be measurable.
        margin: loss of mean score, in [0, 1], or share of the own metric, that dropping all visual tokens may cost.
        equivalence: difference of mean score between a strategy and random that counts as none.
        divergence: KL divergence in nats up to which the first-token distribution counts as unchanged.
        changed: share of questions whose distribution may change by more than that.
        confidence: of intervals (two-sided), and of bounds and tests (one-sided).
        resamples: bootstrap resamples of the images, and sign patterns of the tests of differences.
        seed: of both.
    """

    tolerance: float = 0.1
    floor: float = 0.02
    margin: float = 0.02
    equivalence: float = 0.02
    divergence: float = 0.003
    changed: float = 0.05
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class Criterion:
    """A curve with its name, its configured threshold, and whose it is.

    Attributes:
        floor: what the curve's reference has to be worth to be measurable; None: it has no reference.
        strategy, keep: what is compared with random; keep None: all keeps at once.
        category: of the questions; empty for all.
        removal: how visual information was taken away, as in the removals table; empty: as the study is configured.
    """

    name: str
    curve: Curve
    threshold: float
    questions: int
    floor: float | None = None
    strategy: str = ""
    keep: float | None = None
    category: str = ""
    removal: str = ""


def criteria(tables: Tables, settings: Settings) -> Iterator[Criterion]:
    """Every criterion that the tables allow, in the order of the horizon table.

    Raises:
        UserError: a table lacks rows, or holds a value that is not finite.
    """
    if tables.information is not None and tables.information.height:
        windows = tables.panel(tables.information, ["layer"], "information")
        for column in ("information", "answer_information"):
            windows.clusters(column)  # refuses what is not finite, which pictures would draw
    yield from _vanishing(tables, settings)
    if tables.losses is not None and tables.losses.height:
        yield _metric(tables, settings)
    categories = sorted(tables.questions["category"].unique())
    for category in categories if len(categories) > 1 else []:
        if category:  # questions without one count in the whole alone, which is called ""
            yield from _vanishing(tables.within(category), settings, category)
    if tables.removals is not None and tables.answers is not None:
        for removal in tables.removals["removal"].unique().sort():
            for criterion in _vanishing(removed(tables, removal), settings):
                yield replace(criterion, removal=removal)
    for strategy in tables.compared_with_random():
        panel = tables.against_random(strategy)
        if not panel.frame.is_empty():
            yield from _against_random(panel, strategy, settings)


def _vanishing(tables: Tables, settings: Settings, category: str = "") -> Iterator[Criterion]:
    if tables.information is not None and tables.answers is not None:
        panel = tables.panel(with_worth(tables.information, tables.answers), ["layer"], "information")
        if not panel.frame.is_empty():
            yield from _information(panel, settings, category)
            yield from _label_free(panel, settings, category)
    if "drop-all" in tables.sweeps and tables.answers is not None:
        panel = tables.paired(tables.sweeps["drop-all"], tables.full(), CELL, "sweep of drop-all")
        if not panel.frame.is_empty():
            difference = panel.clusters("difference")
            loss = Bounded(Clusters(-difference.sums, difference.sizes), panel.layers)
            yield Criterion("redundancy", loss, settings.margin, panel.questions, category=category)


def _metric(tables: Tables, settings: Settings) -> Criterion:
    assert tables.losses is not None
    losses = tables.losses.sort("image_id", "layer")
    layers = losses["layer"].unique().sort().to_numpy()
    values = losses["loss"].to_numpy().reshape(-1, len(layers))
    unit = max(1.0, float(np.abs(values).max()))  # no image can lose more than the one that lost most
    curve = Bounded(Clusters(values, np.ones((len(values), 1))), layers, unit=unit)
    asked = tables.questions.filter(pl.col("image_id").is_in(losses["image_id"].unique().to_list()))
    return Criterion("metric", curve, settings.margin, asked.height)


def removed(tables: Tables, removal: str) -> Tables:
    """The tables of one removal, in the place of those of the information stage and of drop-all."""
    assert tables.removals is not None
    own = tables.removals.filter(removal=removal).with_columns(keep=0.0, tokens=0, repeat=0)
    text = {"text_probability": "probability", "text_answer_probability": "answer_probability"}
    left = own.select("question_id", "layer", text_divergence="divergence", **text)
    return replace(tables, information=left, sweeps={"drop-all": own}, removals=None)


def with_worth(information: pl.DataFrame, answers: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """`over_windows` with, per question, what the whole image is worth: columns usable C and worth C of criterion C.

    usable = p_full − p_text(l) and worth = p_full − p_blind; blind_divergence.

    Args:
        by: columns that tell studies apart, beside the question.
    """
    probabilities = [column for _, column in USABLE.values()]
    full, blind = (
        answers.filter(condition=condition).select(*by, "question_id", *probabilities, "divergence")
        for condition in ("full", "blind")
    )
    on = [*by, "question_id"]
    joined = information.join(full, on=on).join(blind, on=on, suffix="_blind")
    return joined.with_columns(
        pl.col("divergence_blind").alias("blind_divergence"),
        *((pl.col(p) - pl.col(text)).alias(f"usable {name}") for name, (text, p) in USABLE.items()),
        *((pl.col(p) - pl.col(f"{p}_blind")).alias(f"worth {name}") for name, (_, p) in USABLE.items()),
    )


def _information(panel: Panel, settings: Settings, category: str) -> Iterator[Criterion]:
    for name in USABLE:
        yield Criterion(
            name,
            _ratio(panel, f"usable {name}", f"worth {name}", settings),
            settings.tolerance,
            panel.questions,
            settings.floor,
            category=category,
        )


def _label_free(panel: Panel, settings: Settings, category: str) -> Iterator[Criterion]:
    ratio = _ratio(panel, "text_divergence", "blind_divergence", settings)  # refuses what is not finite
    divergence = panel.values("text_divergence")
    changed = Bounded(panel.clustered((divergence > settings.divergence).astype(float)), panel.layers)
    yield Criterion("label-free", changed, settings.changed, panel.questions, category=category)
    yield Criterion(
        "label-free-ratio", ratio, settings.changed, panel.questions, settings.divergence, category=category
    )
    one = Clusters(np.ones((ratio.images, 1)), np.ones((ratio.images, 1)))  # in nats, not a share
    curve = Ratio(panel.clustered(trimmed(divergence, TRIMMED)), panel.layers, one, settings.resamples, settings.seed)
    yield Criterion("label-free-trimmed", curve, settings.divergence, panel.questions, category=category)


def _ratio(panel: Panel, quantity: str, reference: str, settings: Settings) -> Ratio:
    data, worth = panel.clusters(quantity), panel.clusters(reference)
    once = Clusters(worth.sums[:, :1], worth.sizes)  # the same at every layer
    return Ratio(data, panel.layers, once, settings.resamples, settings.seed)


def _against_random(panel: Panel, strategy: str, settings: Settings) -> Iterator[Criterion]:
    """The paired advantage over random, for each keep and for all at once."""
    keeps = panel.cells["keep"].unique().sort().to_list()
    for keep in [*keeps, None]:
        own = panel if keep is None else panel.where(keep=keep)
        data = own.clusters("difference")
        for name in AGAINST_RANDOM:
            curve = Bounded(data, own.layers, both=name == "random-parity")
            yield Criterion(name, curve, settings.equivalence, own.questions, strategy=strategy, keep=keep)
