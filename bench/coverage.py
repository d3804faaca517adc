"""Do confidence sets and intervals hold the truth as often as they say, and do tests err no more often than they say?

Made-up studies with a known truth are analysed by the project's own functions, again and again:

    python bench/coverage.py [studies] [--out docs/coverage.md]

Each line is a setting: what was simulated, how often the truth was covered (at least 0.95 is claimed), and how often a
test erred (at most 0.05 is claimed). The standard error of a rate of 0.05 over 2000 studies is 0.005.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from infohorizon.analysis.curves import Bounded, Ratio
from infohorizon.analysis.differences import compare
from infohorizon.analysis.statistics import Clusters, cluster, upper

LEVEL = 0.05
DEPTH = 7


@dataclass(frozen=True)
class Setting:
    """What is simulated; `study` draws one study and says whether the truth was covered and whether a test erred."""

    what: str
    study: Callable[[np.random.Generator], tuple[bool | None, bool | None]]


@dataclass(frozen=True)
class Rates:
    """Over many studies: how often the truth was covered and a test erred; None where the setting has no such thing."""

    what: str
    coverage: float | None
    errors: float | None


def run(setting: Setting, studies: int, seed: int) -> Rates:
    """Analyse so many studies; equal seeds give equal rates."""
    found = [setting.study(np.random.default_rng([seed, number])) for number in range(studies)]
    covered, erred = zip(*found, strict=True)
    rates = [None if column[0] is None else float(np.mean(column)) for column in (covered, erred)]
    return Rates(setting.what, *rates)


def settings() -> Iterator[Setting]:
    """All settings of the published table."""
    for images in (67, 100, 200, 400):
        for tail in (0.0, 0.02, 0.035):
            yield horizon_of_losses(images, 0.15, tail, margin=0.05)
        yield horizon_of_losses(images, 0.07, 0.035, margin=0.05)
    for images in (77, 200, 1000):
        for margin in (0.05, 0.02):
            for gained in (0.0, 0.02):
                yield bound_at_the_margin(images, margin, gained)
    for images in (77, 200, 1000):
        for changed in (0.005, 0.01, 0.05, 0.3):
            yield difference(images, changed, lost=0.5)
            yield difference(images, changed, lost=1.0)
    for images in (77, 300):
        yield graded(images, 0.0)
        yield graded(images, 0.02)
    for images in (60, 100, 200, 400):
        for shares in (SHARP, SLOW, NEAR):
            yield horizon_of_information(images, *shares)
    for images in (60, 200):
        yield information_at_the_threshold(images)


def horizon_of_losses(images: int, before: float, tail: float, margin: float) -> Setting:
    """Questions are only lost: `before` at the layer before the horizon (layer 3), `tail` from it on."""
    losses = np.array([0.5, 0.3, before, tail, tail, tail])

    def study(rng: np.random.Generator) -> tuple[bool, bool]:
        data = answers(rng, images, losses, np.zeros(6))
        found = Bounded(data, np.arange(6)).horizon(margin, LEVEL, DEPTH)
        return found.low <= 3 <= found.high, found.high < 3

    return Setting(f"redundancy, {images} images, loss {before:g}, then {tail:g}; margin {margin:g}", study)


def bound_at_the_margin(images: int, margin: float, gained: float) -> Setting:
    """The loss is exactly the margin: it must not be shown to be within it."""

    def study(rng: np.random.Generator) -> tuple[None, bool]:
        data = answers(rng, images, np.array([margin + gained]), np.array([gained]))
        return None, bool(upper(data, 1 - LEVEL)[0] < margin)

    return Setting(f"bound, {images} images, loss = margin = {margin:g}, {gained:g} gained", study)


def difference(images: int, changed: float, lost: float) -> Setting:
    """Scores of 0 or 1 of which a share differs; half of these lost: no difference, all of them lost: a difference."""
    truth = changed * (1 - 2 * lost)

    def study(rng: np.random.Generator) -> tuple[bool, bool | None]:
        data = answers(rng, images, np.array([changed * lost]), np.array([changed * (1 - lost)]))
        data = Clusters(-data.sums, data.sizes)
        found = compare(data, 1 - LEVEL, 999, 0)
        return bool(found.low[0] <= truth <= found.high[0]), bool(found.p[0] < LEVEL) if truth == 0 else None

    return Setting(f"difference, {images} images, {changed:.1%} differ, {lost:.0%} of them lost", study)


def graded(images: int, shift: float) -> Setting:
    """Scores that differ a little everywhere (means over repeats), by `shift` on average; questions share images."""

    def study(rng: np.random.Generator) -> tuple[bool, bool | None]:
        ids = np.repeat(np.arange(images), 2)
        values = shift + rng.normal(0, 0.05, images)[ids] + rng.choice([-1 / 3, 0, 1 / 3], len(ids), p=[0.1, 0.8, 0.1])
        found = compare(cluster(values[:, None], ids), 1 - LEVEL, 999, 0)
        return bool(found.low[0] <= shift <= found.high[0]), bool(found.p[0] < LEVEL) if shift == 0 else None

    return Setting(f"graded difference {shift:g}, {images} images", study)


SHARP = ("most questions at layer 4", np.array([0.02, 0.03, 0.05, 0.85, 0.03, 0.02]))
NEAR = ("all but 12 % of questions, then all but 8 %", np.array([0.2, 0.3, 0.38, 0.04, 0.02, 0.02]))
SLOW = ("one question after the other", np.array([0.15, 0.2, 0.25, 0.2, 0.15, 0.03]))


def horizon_of_information(images: int, how: str, gone: np.ndarray) -> Setting:
    """Each question loses what the image is worth to it at a layer of its own, drawn with probabilities `gone`."""
    left = 1 - np.cumsum(gone)  # of what the image is worth, when tokens leave at layer 1, 2, …
    truth = int(np.flatnonzero(left > 0.1).max()) + 2 if (left > 0.1).any() else 1

    def study(rng: np.random.Generator) -> tuple[bool, bool]:
        usable, worth, ids = information(rng, images, gone)
        found = Ratio(cluster(usable, ids), np.arange(1, 7), cluster(worth[:, None], ids), 500, 0)
        horizon = found.horizon(0.1, LEVEL, DEPTH)
        return horizon.low <= truth <= horizon.high, horizon.high < truth

    return Setting(f"information, {images} images, gone from {how}", study)


def information_at_the_threshold(images: int) -> Setting:
    """Exactly 10 % is left at the last layer: it must not be shown to be more."""
    gone = np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.0])

    def study(rng: np.random.Generator) -> tuple[None, bool]:
        usable, worth, ids = information(rng, images, gone)
        found = Ratio(cluster(usable, ids), np.arange(1, 7), cluster(worth[:, None], ids), 100, 0)
        return None, found.horizon(0.1, LEVEL, DEPTH).p_beyond <= LEVEL

    return Setting(f"information, {images} images, exactly 10 % left at the end", study)


def information(rng: np.random.Generator, images: int, gone: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Usable information (questions, 6), what the image is worth (questions,), image ids; 1–3 questions an image."""
    ids = np.repeat(np.arange(images), rng.integers(1, 4, images))
    worth = np.clip(rng.beta(2, 1, images)[ids] + rng.normal(0, 0.1, len(ids)), 0, 1)
    layer = rng.choice(7, len(ids), p=[*gone, 1 - gone.sum()])
    noise = rng.normal(0, 0.01, (len(ids), 6))
    return worth[:, None] * (np.arange(6) < layer[:, None]) + noise, worth, ids


def answers(rng: np.random.Generator, images: int, lost: np.ndarray, gained: np.ndarray) -> Clusters:
    """Losses of 0 or 1 (gains: −1) by layer; 1–3 questions an image, half of them lost together."""
    ids = np.repeat(np.arange(images), rng.integers(1, 4, images))
    shared, own = rng.random(images)[ids], rng.random(len(ids))
    draw = np.where(rng.random(len(ids)) < 0.5, shared, own)[:, None]
    return cluster((draw < lost).astype(float) - (draw > 1 - gained), ids)


def table(found: list[Rates], studies: int) -> str:
    """The rates as Markdown."""
    lines = [
        "# Coverage of intervals",
        "",
        "How often confidence sets and intervals contain a known truth (at least 0.95 is claimed), and how often tests",
        "err (at most 0.05 is claimed), by simulation.",
        "",
        f"{studies} studies each; 95 % confidence, 5 % level.",
        "",
        "| setting | covered | erred |",
        "|---|---|---|",
    ]
    for rates in found:
        cells = ["–" if rate is None else f"{rate:.3f}" for rate in (rates.coverage, rates.errors)]
        lines.append(f"| {rates.what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of intervals and error rates of tests, by simulation.")
    parser.add_argument("studies", type=int, nargs="?", default=2000)
    parser.add_argument("--out", type=Path, help="Markdown file to write the table to")
    arguments = parser.parse_args()
    found = [run(setting, arguments.studies, seed=0) for setting in tqdm(list(settings()))]
    text = table(found, arguments.studies)
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
