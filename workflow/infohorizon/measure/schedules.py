"""Schedules: [(layer, strategy, keep), …] on one question, tokens really leaving at each stage."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from infohorizon.engine import Positions, Trace
from infohorizon.measure.questioner import Asked, Questioner, Setting
from infohorizon.strategies.base import Strategy
from infohorizon.strategies.schedule import Stage


class Plan(NamedTuple):
    """The stages of a schedule, layers ascending, and the positions of the tokens that stay."""

    stages: Sequence[Stage]
    positions: Positions


def repeats_of(stages: Sequence[Stage], strategies: Mapping[str, Strategy], repeats: int) -> int:
    """How often a schedule runs: `repeats` if any of its stages draws at random, else once."""
    return repeats if any(strategies[stage.strategy].random for stage in stages) else 1


def run_schedules(
    questioner: Questioner,
    asked: Asked,
    plans: Mapping[str, Plan],
    strategies: Mapping[str, Strategy],
    runs: Iterable[tuple[str, int]],
) -> list[dict[str, Any]]:
    """Answer one question under several schedules, which share its unpruned layers.

    Args:
        plans: by the names of the schedules.
        runs: (schedule, repeat).

    Returns: for each run schedule, and the row of `run_schedule`.
    """
    trace, rows = questioner.trace(asked), []
    for name, repeat in runs:
        stages, positions = plans[name]
        row = run_schedule(questioner, trace, asked, stages, strategies, positions, repeat)
        rows.append({"schedule": name, **row})
    return rows


def run_schedule(
    questioner: Questioner,
    trace: Trace,
    asked: Asked,
    stages: Sequence[Stage],
    strategies: Mapping[str, Strategy],
    positions: Positions = "contiguous",
    repeat: int = 0,
) -> dict[str, Any]:
    """Answer one question under a schedule; stages must have ascending layers.

    Returns: repeat, mean_tokens (over all layers, as really kept), kept (of each stage), answer, label_probability.
    """
    for stage in stages:
        setting = Setting(stage.strategy, stage.layer, stage.keep, repeat)
        chosen = questioner.select(trace, asked, strategies, setting)
        pruned = partial(trace.prune, stage.layer, chosen.kept, positions, chosen.states)
        trace = questioner.batch.one(len(trace.prompt.embeddings), pruned)
    answer = questioner.answer(trace, asked)
    present = [len(tokens) for tokens in trace.visual]
    kept = [trace.visual[stage.layer].tolist() for stage in stages]
    return {"repeat": repeat, "mean_tokens": sum(present) / len(present), "kept": kept, **answer}
