"""What was tried on a split of the questions: what each schedule loses, how much it keeps, and which is chosen.

Beside the schedules stands the image at lower resolution, which prunes nothing and is never chosen.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from infohorizon import tables
from infohorizon.analysis.comparisons import EQUAL
from infohorizon.analysis.loss_curves import Loss, question_losses
from infohorizon.analysis.search import Planned

COLUMNS = ["question_id", "schedule", "repeat", "mean_tokens", "answer", "score"]
ANSWERS = ["question_id", "condition", "answer", "score"]
ROLES = {
    "winner": "recommended",
    "single": "best single stage",
    "configured": "best configured schedule",
    "random": "random at layer 0",
    "downsample": "image at lower resolution",
}
"""What `choose` chooses, in words."""
DOWNSAMPLE = "downsample"


class Candidate(NamedTuple):
    """A schedule that is tried for a budget.

    Attributes:
        budget: share of the unpruned run's cost.
        kind: found (by the search), configured (a schedule of config.yaml that is scaled to the budget), random (one
            stage at layer 0), downsample (the image at lower resolution, for as many tokens as that).
        schedule: its name.
        stages: [layer, strategy, keep]; keep is a fraction of the image's tokens, or 0; none of a smaller image.
        cost, tokens: its share of the unpruned run's cost, and of its mean visual tokens, if strategies keep what is
            asked.
        predicted: its loss by the search; None where the sweep says nothing about it.
    """

    budget: float
    kind: str
    schedule: str
    stages: Sequence[Sequence[Any]]
    cost: float
    tokens: float
    predicted: float | None


def stages_of(planned: Planned, count: int) -> list[list[Any]]:
    """Stages [layer, strategy, keep] as the configuration has them: tokens as a fraction of N, or 0."""
    return [[layer, name, round(tokens / count, 6) if tokens else 0] for layer, name, tokens in planned]


def name_of(stages: Sequence[Sequence[Any]]) -> str:
    """A name that tells apart what a search can find: "fastv 0.25 at 2, drop-all at 20"."""
    return ", ".join(
        f"{strategy} {keep:g} at {layer}" if keep else f"{strategy} at {layer}" for layer, strategy, keep in stages
    )


def downsample_name(keep: float) -> str:
    """What the image at lower resolution is called among schedules."""
    return f"{DOWNSAMPLE} {keep:g}"


def image_tokens(vision: Iterable[str]) -> pl.DataFrame:
    """image_id, count: visual tokens of each image of some parts of the vision table."""
    grids = tables.read(vision, "vision", ["image_id", "grid_height", "grid_width"])
    return grids.select("image_id", count=pl.col("grid_height") * pl.col("grid_width"))


def read_trials(files: Mapping[str, Any], model: str, loss: Loss) -> dict[str, pl.DataFrame]:
    """What a model's schedules did, by benchmark: question_id, image_id, schedule, loss, tokens and share, sorted.

    tokens: mean visual tokens over all layers, as really kept; share: of the image's tokens. All: mean over repeats.

    Args:
        files: paths by what they hold: questions, vision, answers, schedules, downsample.
    """
    found = {}
    for benchmark in dict.fromkeys(tables.place(path, "schedules")["benchmark"] for path in files["schedules"]):
        own = {
            name: tables.matching(files[name], name, model=model, benchmark=benchmark)
            for name in ("vision", "answers", "schedules", "downsample")
        }
        questions = tables.matching(files["questions"], "benchmark", benchmark=benchmark)
        schedules = tables.read(own["schedules"], "schedules", COLUMNS)
        schedules = pl.concat([schedules, _smaller(own["downsample"])])
        lost = question_losses(schedules, tables.read(own["answers"], "answers", ANSWERS), ["schedule"], loss)
        kept = schedules.group_by("question_id", "schedule").agg(tokens=pl.col("mean_tokens").mean())
        images = tables.read(questions, "benchmark", ["question_id", "image_id"])
        counted = images.join(image_tokens(own["vision"]), on="image_id")
        rows = lost.join(kept, on=["question_id", "schedule"]).join(counted, on="question_id")
        rows = rows.with_columns(share=pl.col("tokens") / pl.col("count")).drop("count")
        found[benchmark] = rows.sort("question_id", "schedule")
    return found


def _smaller(paths: Sequence[str]) -> pl.DataFrame:
    """Answers about images at lower resolution, in the columns of schedules."""
    table = tables.read(paths, "downsample", ["question_id", "keep", "tokens", "answer", "score"])
    return table.select(
        "question_id",
        schedule=pl.col("keep").map_elements(downsample_name, pl.String),
        repeat=pl.lit(0, pl.Int32),
        mean_tokens=pl.col("tokens").cast(pl.Float64),
        answer="answer",
        score="score",
    )


def mean_over_benchmarks(trials: Mapping[str, pl.DataFrame], column: str) -> dict[str, float]:
    """Schedule → mean over benchmarks of the mean over questions."""
    each = [frame.group_by("schedule").agg(pl.col(column).mean()) for frame in trials.values()]
    return dict(pl.concat(each).group_by("schedule").agg(pl.col(column).mean()).iter_rows())


def meets(candidate: Candidate, share: float) -> bool:
    """Whether a schedule that really kept this share of the mean tokens still is what its budget was planned for.

    A smaller image always is: where a model makes all of its tokens of any image, it is their pixels that are fewer.
    """
    return candidate.kind == DOWNSAMPLE or share <= candidate.tokens * (1 + EQUAL)


def choose(
    candidates: Sequence[Candidate], losses: Mapping[str, float], shares: Mapping[str, float]
) -> dict[str, Candidate]:
    """Role → the candidate for one budget with the smallest loss; of equals the one with fewer stages.

    winner: of all schedules; single: of those with one stage; configured, random, downsample: of that kind. A schedule
    that keeps more than what was planned (a strategy need not keep what is asked) takes no role but that of random; a
    role that nobody can take is left out.

    Args:
        losses, shares: of the schedules, by `mean_over_benchmarks` on the search split.
    """

    def order(candidate: Candidate) -> tuple:
        return round(losses[candidate.schedule], 9), len(candidate.stages), candidates.index(candidate)

    pruned = [one for one in candidates if one.kind != DOWNSAMPLE]
    fair = [one for one in pruned if one.kind == "random" or meets(one, shares[one.schedule])]
    groups = {
        "winner": fair,
        "single": [one for one in fair if len(one.stages) == 1],
        "configured": [one for one in fair if one.kind == "configured"],
        "random": [one for one in fair if one.kind == "random"],
        "downsample": [one for one in candidates if one.kind == DOWNSAMPLE],
    }
    return {role: min(group, key=order) for role, group in groups.items() if group}
