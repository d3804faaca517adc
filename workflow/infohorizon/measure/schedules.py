"""Schedules: [(layer, strategy, keep), …] on one question, tokens really leaving at each stage."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from infohorizon.engine import Positions, Trace
from infohorizon.measure.questioner import Asked, Questioner, Setting
from infohorizon.strategies.base import Strategy
from infohorizon.strategies.schedule import Stage
from infohorizon.units import tokens_of


class Plan(NamedTuple):
    """The stages of a schedule, layers ascending, and the positions of the tokens that stay."""

    stages: Sequence[Stage]
    positions: Positions


@dataclass(frozen=True)
class Run:
    """One repeat of a plan, at place `index` of the rows that are asked for."""

    index: int
    plan: Plan
    repeat: int


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
    """Answer one question under several schedules, which share its unpruned layers and the stages that they begin with.

    Args:
        plans: by the names of the schedules.
        runs: (schedule, repeat).

    Returns: for each run schedule, and the row of `run_schedule`.
    """
    names = list(runs)
    wanted = [Run(index, plans[name], repeat) for index, (name, repeat) in enumerate(names)]
    rows = _answered(questioner, questioner.trace(asked), asked, strategies, wanted, 0)
    return [{"schedule": name, **rows[index]} for index, (name, _) in enumerate(names)]


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
    return _answered(questioner, trace, asked, strategies, [Run(0, Plan(stages, positions), repeat)], 0)[0]


def _answered(
    questioner: Questioner,
    trace: Trace,
    asked: Asked,
    strategies: Mapping[str, Strategy],
    runs: Sequence[Run],
    done: int,
) -> dict[int, dict[str, Any]]:
    """Rows by their index, of runs whose first `done` stages are alike and made `trace`: one branch of a tree.

    Only the traces on the way to a branch are alive, however many runs there are.
    """
    rows: dict[int, dict[str, Any]] = {}
    if ended := [run for run in runs if len(run.plan.stages) == done]:
        answer = questioner.answer(trace, asked)
        present = [len(tokens) for tokens in trace.visual]
        for run in ended:
            kept = [trace.visual[stage.layer].tolist() for stage in run.plan.stages]
            rows[run.index] = {
                "repeat": run.repeat, "mean_tokens": sum(present) / len(present), "kept": kept, **answer
            }  # fmt: skip
    branches: dict[Any, list[Run]] = defaultdict(list)
    for run in runs:
        if len(run.plan.stages) > done:
            stage = run.plan.stages[done]
            draw = run.repeat if strategies[stage.strategy].random else 0
            branches[tuple(stage[:3]), run.plan.positions, draw].append(run)
    notes: dict[Any, Any] = {}  # strategies remember larger keeps for smaller ones
    largest_first = sorted(branches.items(), key=lambda branch: -tokens_of(branch[0][0][2], trace.prompt.count))
    for (_, positions, draw), members in largest_first:
        stage = members[0].plan.stages[done]
        setting = Setting(stage.strategy, stage.layer, stage.keep, draw)
        chosen = questioner.select(trace, asked, strategies, setting, notes)
        pruned = partial(trace.prune, stage.layer, chosen.kept, positions, chosen.states)
        left = questioner.batch.one(len(trace.prompt.embeddings), pruned)
        rows |= _answered(questioner, left, asked, strategies, members, done + 1)
    return rows
