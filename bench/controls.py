"""What smol-llava owes to its pretraining: the controls of workflow/infohorizon/mini/training/recipe.yaml, compared.

    python bench/controls.py results/controls [--rows resources/controls] [--docs docs/controls.md]

Reads the answers and removals of a finished `studies/controls.yaml`, or of those of its models that are there. `--rows`
is a folder of what these tables say (MODEL.arrow): models that the results hold are written to it, others read from it,
so that trainings of half an hour need not be repeated to compare one more.

For each family of questions the usable information of the whole answer is followed over layers, as a share of what
the image is worth: U(l) / mean(p_full − p_blind), where U(l) = mean(p_full − p(l)) and p(l) is the probability of the
answer if all visual tokens leave at layer l. The *horizon* is the first layer from which on at most a tenth is left,
the *step* the number of layers in which the share falls from nine tenths to one tenth. Intervals (95 %) are those of
a bootstrap over images, and in the last table over seeds and images.
"""

import argparse
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import kendalltau

from infohorizon import tables
from infohorizon.analysis.curves import first_layer
from infohorizon.analysis.statistics import cluster, means, percentile_interval, resample
from infohorizon.pipeline.docs import renew

MODELS = (
    "smol-llava",
    "smol-llava-digits",
    "control-pretrained",
    "control-seed-2",
    "control-seed-3",
    "control-whitened",
    "control-random",
)
BASE = "control-pretrained"
SEEDS = (BASE, "control-seed-2", "control-seed-3")  # which differ in nothing else
HIGH, LOW = 0.9, 0.1  # shares of what the image is worth, between which a step lies
FLOOR = 0.2  # probability that the image must be worth, for a family's curve to say anything
DRAWS = 2000
Draws = NDArray[np.float64]


class Family(NamedTuple):
    """One family of questions asked of one model; row 0 of the draws is the estimate.

    score: share of right unpruned answers; worth, horizon, step: (1 + DRAWS,); horizon and step are NaN where the image
    is worth less than FLOOR.
    """

    score: float
    worth: Draws
    horizon: Draws
    step: Draws

    @property
    def measured(self) -> bool:
        return not np.isnan(self.horizon[0])


def observed(folder: Path, model: str) -> pl.DataFrame:
    """A row per question and layer: family, image_id, worth (of the image), left (U at the layer), score (unpruned)."""
    frames = []
    for path in sorted((folder / "removals" / model).glob("*/part-*.arrow")):
        benchmark = path.parent.name
        questions = tables.read(folder / "benchmarks" / f"{benchmark}.arrow", "benchmark")
        if not (asked := folder / "answers" / model / benchmark / path.name).exists():
            continue
        answers = tables.read(asked, "answers")
        full = answers.filter(condition="full").select("question_id", "score", full="answer_probability")
        blind = answers.filter(condition="blind").select("question_id", blind="answer_probability")
        rows = (
            tables.read(path, "removals").filter(removal="delete").select("question_id", "layer", "answer_probability")
        )
        rows = rows.join(full, on="question_id").join(blind, on="question_id")
        rows = rows.join(questions.select("question_id", "image_id", "category"), on="question_id")
        frames.append(
            rows.select(
                "question_id",
                "image_id",
                "layer",
                "score",
                family=pl.col("category"),
                worth=pl.col("full") - pl.col("blind"),
                left=pl.col("full") - pl.col("answer_probability"),
            )
        )
    return pl.concat(frames) if frames else pl.DataFrame()


def kept(rows: pl.DataFrame, folder: Path | None, model: str) -> pl.DataFrame:
    """Rows of a model, which are written to a folder unless it holds more; then those that it holds."""
    if folder is None:
        return rows
    file = folder / f"{model}.arrow"
    before = pl.read_ipc(file) if file.exists() else pl.DataFrame()
    if rows.height < before.height:
        return before
    if rows.height:
        folder.mkdir(parents=True, exist_ok=True)
        rows.write_ipc(file, compression="zstd")
    return rows


def family_of(rows: pl.DataFrame) -> Family:
    """The curve of one family, and of DRAWS samples of its images."""
    wide = rows.pivot("layer", index=["question_id", "image_id", "score", "worth"], values="left").sort("question_id")
    layers = sorted(int(name) for name in wide.columns[4:])
    values = wide.select("worth", *map(str, layers)).to_numpy()
    images = wide["image_id"].to_numpy()
    draws = means(cluster(values, images), resample(len(np.unique(images)), DRAWS, 0))
    worth = draws[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = draws[:, 1:] / draws[:, :1]
    whole = (shares >= HIGH).cumprod(axis=1).sum(axis=1)  # layers at the beginning at which nothing is lost yet
    horizon = first_layer(shares <= LOW, np.array(layers), layers[-1] + 1).astype(float)
    step = horizon - np.array(layers)[np.maximum(whole - 1, 0)]
    unmeasured = worth[0] < FLOOR
    nothing = np.full(len(draws), np.nan)
    score = float(wide["score"].mean() or 0.0)
    return Family(score, worth, nothing if unmeasured else horizon, nothing if unmeasured else step)


def interval(draws: Draws, digits: int = 0) -> str:
    """Estimate and interval of draws whose first is the estimate."""
    low, high = percentile_interval(draws[1:, None], 0.95).ravel()
    return f"{draws[0]:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def order(one: dict[str, Family], other: dict[str, Family]) -> str:
    """Kendall's tau-b of two models' horizons over the families that both measure."""
    both = [name for name in one if one[name].measured and name in other and other[name].measured]
    if len(both) < 3:
        return "–"
    pairs = [np.stack([model[name].horizon for name in both], axis=1) for model in (one, other)]
    return interval(np.array([kendalltau(a, b).statistic for a, b in zip(*pairs, strict=True)]), digits=2)


def mean_step(model: dict[str, Family]) -> str:
    """Mean step over the families that are measured."""
    steps = [family.step for family in model.values() if family.measured]
    return interval(np.mean(steps, axis=0), digits=1) if steps else "–"


def over_seeds(models: dict[str, dict[str, Family]]) -> list[str]:
    """A table of the families that all seeds measure: the mean over seeds of what is drawn of each seed's images.

    Each draw takes as many seeds, with replacement, so that intervals are over seeds and images.
    """
    seeds = [models[name] for name in SEEDS if name in models]
    families = [name for name in seeds[0] if all(name in one and one[name].measured for one in seeds)] if seeds else []
    if len(seeds) < 2 or not families:
        return []
    chosen = np.random.default_rng(0).integers(len(seeds), size=(1 + DRAWS, len(seeds)))
    chosen[0] = range(len(seeds))

    def mean(draws: Sequence[Draws]) -> str:
        return interval(np.take_along_axis(np.stack(draws, axis=1), chosen, axis=1).mean(axis=1), digits=1)

    lines = [f"| family | horizon of each of {len(seeds)} seeds | mean horizon | mean step |", "|---" * 4 + "|"]
    for name in families:
        own = [one[name] for one in seeds]
        each = ", ".join(f"{family.horizon[0]:.0f}" for family in own)
        columns = [mean([family.horizon for family in own]), mean([family.step for family in own])]
        lines.append(f"| {name} | {each} | " + " | ".join(columns) + " |")
    return lines


def page(models: dict[str, dict[str, Family]]) -> str:
    """Tables of families and of models."""
    names = list(models)
    families = list(dict.fromkeys(chain.from_iterable(models.values())))
    lines = ["| family | " + " | ".join(names) + " |", "|---" * (1 + len(names)) + "|"]
    for name in families:
        lines.append(f"| {name} | " + " | ".join(_cell(models[model].get(name)) for model in names) + " |")
    lines += [
        "",
        "| model | unpruned score | families measured | mean step, layers | order as control-pretrained's |",
        "|---" * 5 + "|",
    ]
    for model, found in models.items():
        score = np.mean([family.score for family in found.values()])
        measured = sum(family.measured for family in found.values())
        tau = "–" if model == BASE or BASE not in models else order(models[BASE], found)
        lines.append(f"| {model} | {score:.2f} | {measured} of {len(found)} | {mean_step(found)} | {tau} |")
    if seeds := over_seeds(models):
        lines += ["", *seeds]
    return "\n".join(lines)


def _cell(family: Family | None) -> str:
    """Score, horizon and step of one family."""
    if family is None:
        return "–"
    if not family.measured:
        return f"{family.score:.2f}; the image is worth {interval(family.worth, 2)}"
    return f"{family.score:.2f}; {interval(family.horizon)}; {interval(family.step)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--docs", type=Path)
    chosen = parser.parse_args()
    models = {}
    for model in MODELS:
        rows = kept(observed(chosen.results, model), chosen.rows, model)
        if rows.height:
            models[model] = {
                str(name): family_of(part) for (name,), part in rows.group_by("family", maintain_order=True)
            }
    text = page(models)
    print(text)
    if chosen.docs:
        renew(chosen.docs, "controls", text, "bench/controls.py")


if __name__ == "__main__":
    main()
