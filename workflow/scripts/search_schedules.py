"""Sweep, answers and image sizes → candidates.json: the schedules to be tried for each budget."""

import json
import math
from pathlib import Path
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.analysis.loss_curves import curves, question_losses
from infohorizon.analysis.search import Planned, Prices, one_stage, predicted, scaled, search
from infohorizon.analysis.trials import (
    ANSWERS,
    DOWNSAMPLE,
    Candidate,
    downsample_name,
    image_tokens,
    name_of,
    stages_of,
)
from infohorizon.atomic import write_text
from infohorizon.errors import UserError
from infohorizon.models.geometry import Geometry, geometry
from infohorizon.pipeline.job import Job, log, run
from infohorizon.study.budgets import prices
from infohorizon.study.sharding import SPLITS, in_split
from infohorizon.study.sizes import benchmark_size, model_geometry

SWEEP = ["question_id", "strategy", "layer", "keep", "repeat", "answer", "score"]


def main(job: Job) -> None:
    settings = job.params.settings
    shape = own_shape(job)
    price = own_prices(job, shape)
    searched = curves(swept(job), price.count)
    candidates, schedules, keeps = [], {}, []
    for budget in settings["budgets"]:
        plans = references(settings, price, budget)
        for one in search(searched, price, budget, settings["stages"], settings["tries"]):
            stages = stages_of(one.stages, price.count)
            plans.setdefault(name_of(stages), ("found", one.stages, settings["positions"]))
        for name, (kind, planned, positions) in plans.items():
            stages, loss = stages_of(planned, price.count), predicted(planned, searched)
            cost, tokens = price.share(planned), price.mean_tokens(planned)
            known = None if math.isnan(loss) else loss
            candidates.append(Candidate(budget, kind, name, stages, cost, tokens, known)._asdict())
            schedules[name] = {"stages": stages, "positions": positions}
        (random,) = [planned for kind, planned, _ in plans.values() if kind == "random"]
        smaller = downsampled(budget, random, price, shape.square is not None)
        candidates.append(smaller._asdict())
        keeps.append(smaller.tokens)
        log.info("budget %g: %d schedules to try", budget, len(plans))
    found = {"tokens": price.count, "depth": price.depth, "candidates": candidates, "schedules": schedules}
    found["downsample"] = list(dict.fromkeys(keeps))
    write_text(job.output[0], json.dumps(found, indent=2) + "\n")


def references(settings: dict[str, Any], price: Prices, budget: float) -> dict[str, tuple[str, Planned, str]]:
    """Name → (kind, stages, positions): random alone at layer 0, and the configured schedules that can meet the budget.

    Raises:
        UserError: not even one token at layer 0 meets it.
    """
    random = one_stage(0, "random", price, budget)
    if random is None:
        least = price.share(((0, "random", 1),))
        raise UserError(
            f"recommend.budgets: {budget:g} cannot be met: one visual token of {price.count} from layer 0 on costs "
            f"{least:.3f} of the unpruned run's {settings['unit']}; give larger budgets."
        )
    found = {name_of(stages_of(random, price.count)): ("random", random, settings["positions"])}
    for name, plan in settings["schedules"].items():
        shares = [
            (layer, strategy, keep / price.count if keep >= 1 else keep) for layer, strategy, keep in plan["stages"]
        ]
        planned = scaled(shares, price, budget)
        if planned is None:
            log.warning("%s cannot meet budget %g: its stages come too late", name, budget)
        else:
            found[f"{name} for {budget:g}"] = ("configured", planned, plan["positions"])
    return found


def downsampled(budget: float, random: Planned, price: Prices, fixed: bool) -> Candidate:
    """The image at lower resolution, for as many tokens as `random` keeps from layer 0 on.

    Args:
        fixed: whether the model makes all of its tokens of any image, so that nothing is saved.
    """
    keep = round(random[0][2] / price.count, 6)
    cost = 1.0 if fixed else price.share(random)
    return Candidate(budget, DOWNSAMPLE, downsample_name(keep), [], cost, keep, None)


def swept(job: Job) -> pl.DataFrame:
    """Loss of every cell of the sweep on the search split, mean over benchmarks: strategy, layer, keep, loss.

    Raises:
        UserError: a benchmark's questions are all in one split.
    """
    settings, model, cell = job.params.settings, job.wildcards.model, ["strategy", "layer", "keep"]
    frames = []
    for path in job.input.questions:
        benchmark = tables.place(path, "benchmark")["benchmark"]
        own = {name: tables.matching(job.input[name], name, benchmark=benchmark) for name in ("sweep", "answers")}
        answers = tables.read(own["answers"], "answers", ANSWERS)
        asked = tables.read(path, "benchmark", ["question_id", "image_id"]).join(answers, on="question_id", how="semi")
        splits = {split: in_split(asked, split, settings["seed"]) for split in SPLITS}
        sweep = tables.read(own["sweep"], "sweep", SWEEP).join(splits["search"], on="question_id", how="semi")
        sweep = sweep.filter(pl.col("strategy").is_in(settings["strategies"]))
        if sweep.is_empty() or splits["held-out"].is_empty():
            raise UserError(
                f"{model} on {benchmark}: too few images to choose on some and judge on others; raise answers.limit "
                "and sweep.limit."
            )
        losses = question_losses(sweep, answers, cell, settings["loss"])
        frames.append(losses.group_by(cell).agg(pl.col("loss").mean()))
    return pl.concat(frames).group_by(cell).agg(pl.col("loss").mean()).sort(cell)


def own_shape(job: Job) -> Geometry:
    """The model's sizes."""
    name = job.wildcards.model
    record = json.loads(Path(job.input.model).read_text(encoding="utf-8"))
    if record["folder"]:
        return geometry(json.loads((Path(record["folder"]) / "config.json").read_text(encoding="utf-8")))
    return model_geometry(name, {**job.config["models"][name], "revision": record["commit"]})


def own_prices(job: Job, shape: Geometry) -> Prices:
    """What a budget limits, for images of the median number of tokens and questions of the mean length."""
    benchmarks = job.config["run"]["benchmarks"]
    text = [benchmark_size(one, job.config["benchmarks"][one], None)[0].text for one in benchmarks]
    count = int(image_tokens(job.input.vision)["count"].median())
    return prices(job.params.settings["unit"], shape, count, round(sum(text) / len(text)))


if __name__ == "__main__":
    run(main, snakemake)
