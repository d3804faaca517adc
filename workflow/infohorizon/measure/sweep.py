"""Answers under pruning: one question, many (strategy, layer, keep, repeat), grouped into few decoder calls."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from infohorizon.engine import Positions, Trace, resume
from infohorizon.measure.questioner import Asked, Choice, Keep, Questioner, Setting, settled
from infohorizon.strategies.base import Selection, Strategy
from infohorizon.units import tokens_of


def settings_of(strategy: Strategy, layers: Sequence[int], keeps: Sequence[Keep], repeats: int) -> list[Setting]:
    """All settings of a strategy: one repeat unless it draws at random, one keep (0) if it keeps none."""
    repeats = min(repeats, strategy.repeats or repeats)
    keeps = [0] if strategy.keeps_none else keeps
    repeats = repeats if strategy.random else 1
    name = strategy.name
    return [Setting(name, layer, keep, repeat) for layer in layers for keep in keeps for repeat in range(repeats)]


def run_sweep(
    questioner: Questioner,
    trace: Trace,
    asked: Asked,
    strategies: Mapping[str, Strategy],
    settings: Sequence[Setting],
    positions: Positions = "original",
) -> list[dict[str, Any]]:
    """Answers under each setting, in the order given; rows of equal kept count share decoder calls.

    Returns: rows with strategy, layer, keep, repeat, kept, tokens, answer, label_probability.
    """
    selections = _selections(questioner, trace, asked, strategies, settings)
    batches: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for index, selection in enumerate(selections):
        batches[len(selection.kept), selection.states is not None].append(index)

    rows: list[dict[str, Any]] = [{} for _ in settings]

    def run(members: Sequence[int], part: slice) -> None:
        picked = members[part]
        layers = [settings[i].layer for i in picked]
        kept = torch.stack([selections[i].kept for i in picked])
        states = [merged for i in picked if (merged := selections[i].states) is not None]  # of all rows, or of none
        branches = resume(trace, layers, kept, positions, torch.stack(states) if states else None)
        for i, answer in zip(picked, questioner.answers(branches, asked), strict=True):
            rows[i] = _row(settings[i], selections[i], answer)

    for (size, _), members in batches.items():
        members.sort(key=lambda index: settings[index].layer)
        questioner.batch.slices(len(members), size + trace.prompt.suffix, partial(run, members))
    return rows


def _selections(
    questioner: Questioner,
    trace: Trace,
    asked: Asked,
    strategies: Mapping[str, Strategy],
    settings: Sequence[Setting],
) -> list[Selection]:
    """What stays under each setting; larger keeps choose first, since strategies may remember their order, and a
    strategy may choose for all layers at once."""
    layers = sorted({setting.layer for setting in settings})
    notes: dict[Any, Any] = {}
    served: dict[Any, Choice] = {}
    chosen: dict[int, Choice] = {}
    for index in sorted(range(len(settings)), key=lambda i: -tokens_of(settings[i].keep, trace.prompt.count)):
        setting = settings[index]
        key = (setting.strategy, setting.keep) if strategies[setting.strategy].once else index
        if key not in served:
            served[key] = questioner.choice(trace, asked, strategies, setting, notes, layers)
        chosen[index] = served[key]
    return settled([chosen[index] for index in range(len(settings))])


def _row(setting: Setting, selection: Selection, answer: Mapping[str, Any]) -> dict[str, Any]:
    kept = selection.kept.tolist()
    return {
        "strategy": setting.strategy,
        "layer": setting.layer,
        "keep": float(setting.keep),
        "repeat": setting.repeat,
        "kept": kept,
        "tokens": len(kept),
        **answer,
    }
