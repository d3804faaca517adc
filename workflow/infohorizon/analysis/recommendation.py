"""Rows of the table `recommendation`: what the chosen schedules and all others lose on each split, with intervals."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from infohorizon.analysis.differences import Comparison, compare
from infohorizon.analysis.panels import Panel
from infohorizon.analysis.statistics import Clusters, pooled
from infohorizon.analysis.trials import Candidate

UNITS = {"tokens": "mean visual tokens", "flops": "FLOPs of the prefill", "kv": "bytes of keys and values"}
LOSSES = {"score": "loss of score", "agreement": "share of answers that differ from the unpruned ones"}


@dataclass(frozen=True)
class Settings:
    """What intervals rest on: `horizon.confidence`, `horizon.resamples` and `seed` of config.yaml."""

    confidence: float
    resamples: int
    seed: int


def recommendation_rows(
    split: str,
    trials: Mapping[str, pl.DataFrame],
    candidates: Sequence[Candidate],
    roles: Mapping[str, str],
    settings: Settings,
) -> Iterator[dict[str, Any]]:
    """Rows of one split and budget, without model and unit: each benchmark's, then the mean of all (benchmark "").

    Args:
        trials: `read_trials` of the split; of the candidates, those that were run there have rows.
        candidates: of the budget.
        roles: role → schedule of `choose`; all other candidates have the role `candidate`.
    """
    panels = {name: _panel(frame, candidates) for name, frame in trials.items()}
    names = next(iter(panels.values())).cells["schedule"].to_list()
    winner = names.index(roles["winner"])
    parts = {name: (panel.clusters("loss"), _against(panel, winner)) for name, panel in panels.items()}
    parts[""] = (pooled([part[0] for part in parts.values()]), pooled([part[1] for part in parts.values()]))
    for benchmark, (losses, differences) in parts.items():
        own = [panel for name, panel in panels.items() if benchmark in (name, "")]
        found, beyond = _compare(losses, settings), _compare(differences, settings)
        for role, candidate in _with_roles(candidates, roles, names):
            index = names.index(candidate.schedule)
            better = None if candidate.schedule == roles["winner"] else beyond
            yield {
                "budget": candidate.budget,
                "split": split,
                "benchmark": benchmark,
                "role": role,
                "schedule": candidate.schedule,
                "stages": json.dumps(candidate.stages),
                "questions": sum(panel.questions for panel in own),
                "images": sum(panel.images for panel in own),
                "mean_tokens": sum(float(panel.values("tokens")[:, index].mean()) for panel in own) / len(own),
                "token_share": sum(float(panel.values("share")[:, index].mean()) for panel in own) / len(own),
                "cost": candidate.cost,
                "predicted": candidate.predicted,
                **_numbers(("loss", "low", "high"), found, index),
                **_numbers(("difference", "difference_low", "difference_high"), better, index),
            }


def _panel(frame: pl.DataFrame, candidates: Sequence[Candidate]) -> Panel:
    """The candidates' losses, question by question."""
    own = frame.filter(pl.col("schedule").is_in([candidate.schedule for candidate in candidates]))
    return Panel(own.sort("question_id", "schedule"), ["schedule"])


def _against(panel: Panel, winner: int) -> Clusters:
    """Every schedule's loss minus the winner's."""
    loss = panel.values("loss")
    return panel.clustered(loss - loss[:, [winner]])


def _compare(data: Clusters, settings: Settings) -> Comparison:
    return compare(data, settings.confidence, settings.resamples, settings.seed)


def _with_roles(
    candidates: Sequence[Candidate], roles: Mapping[str, str], names: Sequence[str]
) -> list[tuple[str, Candidate]]:
    """(role, candidate) of every candidate that was run; a schedule with several roles comes once for each."""
    by_name = {candidate.schedule: candidate for candidate in candidates if candidate.schedule in names}
    others = [("candidate", one) for name, one in by_name.items() if name not in roles.values()]
    return [*((role, by_name[name]) for role, name in roles.items()), *others]


def _numbers(columns: Sequence[str], found: Comparison | None, index: int) -> dict[str, float | None]:
    """Mean and interval of one cell; nothing of what is not compared."""
    if found is None:
        return dict.fromkeys(columns)
    values = (found.mean, found.low, found.high)
    return {column: float(value[index]) for column, value in zip(columns, values, strict=True)}
