"""Does a part of the questions give the horizons of all of them, within its confidence sets?

The images of a finished study are drawn at random, its tables are cut down to them, and the project's own functions
analyse what is left, again and again:

    python bench/subsamples.py RESULTS [--shares 0.5 0.25 0.125] [--draws 40] [--docs docs/paper.md]

RESULTS is the folder of a study such as studies/mini.yaml. What the whole study estimates is the truth here; each line
says how often the part's confidence set holds it (at least 0.95 is claimed) and how wide these sets are. No criterion
looks at single windows of an image, so sampling windows changes no criterion.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from tqdm import tqdm

from infohorizon import tables
from infohorizon.analysis.criteria import Settings, criteria
from infohorizon.analysis.horizons import Whose, configured, horizons
from infohorizon.analysis.panels import Tables, read_tables
from infohorizon.pipeline.docs import renew

SHOWN = ("information", "label-free", "redundancy", "no-advantage")
KEY = ["model", "benchmark", "criterion", "strategy"]


class Line(NamedTuple):
    """What parts of one size found of one criterion, over models, benchmarks, strategies and draws.

    Attributes:
        images: median number of images of a part.
        sets: how many confidence sets there were.
        covered: share of them that hold the whole study's estimate.
        width: median of high − low, as a share of the model's depth.
    """

    criterion: str
    share: float
    images: float
    sets: int
    covered: float
    width: float


def part(whole: Tables, share: float, rng: np.random.Generator) -> Tables:
    """The tables of a random share of the images that were asked about."""
    assert whole.answers is not None
    images = whole.questions.join(whole.answers, on="question_id", how="semi")["image_id"].unique().sort()
    drawn = rng.choice(images.to_numpy(), max(2, round(share * len(images))), replace=False).tolist()
    losses = whole.losses if whole.losses is None else whole.losses.filter(pl.col("image_id").is_in(drawn))
    return replace(whole, questions=whole.questions.filter(pl.col("image_id").is_in(drawn)), losses=losses)


def found(own: Tables, whose: Whose, settings: Settings) -> pl.DataFrame:
    """Horizons at the configured thresholds: KEY, layer, low, high, images; those that cannot be measured left out."""
    rows = pl.DataFrame(tables.from_rows("horizon", horizons(whose, list(criteria(own, settings)), settings)))
    shown = configured(rows).filter(pl.col("criterion").is_in(SHOWN), pl.col("layer").is_not_null())
    return shown.select(*KEY, "depth", "layer", "low", "high", "images")


def drawn(whole: Tables, whose: Whose, settings: Settings, share: float, draws: int) -> Iterator[pl.DataFrame]:
    """For each draw, the part's horizons beside the whole study's: `truth`."""
    truth = found(whole, whose, settings).select(*KEY, truth="layer")
    for number in range(draws):
        own = part(whole, share, np.random.default_rng([settings.seed, number, round(1000 * share)]))
        yield found(own, whose, replace(settings, seed=number)).join(truth, on=KEY)


def lines(parts: pl.DataFrame, share: float) -> list[Line]:
    """One line per criterion."""
    held = pl.col("truth").is_between("low", "high")
    sums = parts.group_by("criterion").agg(
        pl.col("images").median(),
        pl.len(),
        held.mean(),
        width=((pl.col("high") - pl.col("low")) / pl.col("depth")).median(),
    )
    by_name = {row["criterion"]: row for row in sums.iter_rows(named=True)}
    return [
        Line(name, share, row["images"], row["len"], row["truth"], row["width"])
        for name in SHOWN
        if (row := by_name.get(name))
    ]


def table(found: Sequence[Line]) -> str:
    """The lines as a Markdown table."""
    rows = [
        f"| {one.criterion} | {one.share:g} | {one.images:.0f} | {one.sets} | {one.covered:.3f} | {one.width:.2f} |"
        for one in found
    ]
    head = "| criterion | share of images | images | confidence sets | hold the whole study's | width / depth |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def studies(results: Path) -> Iterator[tuple[Tables, Whose, Settings]]:
    """The tables of every model and benchmark of a finished study, with the settings it was analysed with."""
    configuration = tables.read_metadata(results / "horizon.arrow")["configuration"]["settings"]
    settings = Settings(**configuration["horizon"], seed=configuration["seed"])
    stages = ("answers", "information", "removals", "sweep", "schedules")
    files = {name: sorted(map(str, results.glob(f"{name}/*/*/part-*.arrow"))) for name in stages}
    files["questions"] = sorted(map(str, results.glob("benchmarks/*.arrow")))
    files["questions"] = [path for path in files["questions"] if not path.endswith(".images.arrow")]
    places = [tables.place(path, "answers") for path in files["answers"]]
    for model, benchmark in dict.fromkeys((place["model"], place["benchmark"]) for place in places):
        whose = Whose(model, benchmark, configuration["depths"][model])
        given = {**files, "losses": str(results / "losses.arrow")}
        yield read_tables(given, model, benchmark, whose.depth, configuration["matched"]), whose, settings


def main() -> None:
    parser = argparse.ArgumentParser(description="Horizons of parts of a finished study beside those of all of it.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 0.25, 0.125])
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--docs", type=Path, help="page whose table is renewed")
    chosen = parser.parse_args()
    whole, printed = list(studies(chosen.results)), []
    for share in chosen.shares:
        parts = [pl.concat(drawn(*one, share, chosen.draws)) for one in tqdm(whole, desc=f"{share:g} of the images")]
        printed += lines(pl.concat(parts), share)
    text = table(printed)
    print(text)
    if chosen.docs:
        renew(chosen.docs, "subsamples", text, "bench/subsamples.py")


if __name__ == "__main__":
    main()
