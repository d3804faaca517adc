"""Answers under pruning: one question, many (strategy, layer, keep, repeat), grouped into few decoder calls."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infohorizon.batching import Batch
from infohorizon.errors import UserError
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.specs import tokens_of
from infohorizon.strategies.base import Selection, Strategy
from infohorizon.trace import Branches, Positions, Trace
from infohorizon.view import TraceView

Keep = int | float
Oracle = Callable[[int], Tensor]


@dataclass(frozen=True)
class Setting:
    """One configuration of a sweep."""

    strategy: str
    layer: int
    keep: Keep
    repeat: int


def settings_of(strategy: Strategy, layers: Sequence[int], keeps: Sequence[Keep], repeats: int) -> list[Setting]:
    """All settings of a strategy: one repeat unless it draws at random, one keep (0) if it keeps none."""
    keeps = [0] if strategy.keeps_none else keeps
    repeats = repeats if strategy.random else 1
    name = strategy.name
    return [Setting(name, layer, keep, repeat) for layer in layers for keep in keeps for repeat in range(repeats)]


class Questioner:
    """Asks one model: full, blind, pruned and scheduled answers to one question at a time.

    Args:
        model: the loaded model.
        batch: token budget of a call.
        max_new_tokens: length limit of answers.
        seed: seeds all random strategies together with question, layer, keep and repeat.
    """

    def __init__(self, model: VisionLanguageModel, batch: Batch, max_new_tokens: int, seed: int = 0) -> None:
        self.model, self.batch, self.limit, self.seed = model, batch, max_new_tokens, seed

    def trace(self, question: str, encoded: Encoded) -> Trace:
        return self.model.decoder.prefill(self.model.prompt(question, encoded))

    def full(self, trace: Trace, label: str) -> dict[str, Any]:
        """The unpruned answer."""
        return self.answers(trace.branches(), label)[0]

    def blind(self, trace: Trace, label: str) -> dict[str, Any]:
        """The answer with no visual token from layer 0 on."""
        nothing = trace.prune(0, torch.arange(0, device=self.model.device))
        return self.answers(nothing.branches(), label)[0]

    def select(
        self,
        trace: Trace,
        strategies: Mapping[str, Strategy],
        setting: Setting,
        encoded: Encoded,
        question_id: str,
        oracle: Oracle | None,
    ) -> Selection:
        """Which visual tokens stay under one setting; fractions are of the image's own token count.

        Raises:
            UserError: the strategy gives anything but sorted, unique indices (on whatever device; here: the CPU).
        """
        key = (self.seed, question_id, setting.repeat)
        view = TraceView(trace, setting.layer, encoded, key, oracle)
        keep = tokens_of(setting.keep, trace.prompt.count)
        if keep >= view.count:
            return Selection(torch.arange(view.count))
        chosen = strategies[setting.strategy].select(view, keep)
        return chosen._replace(kept=_checked(chosen.kept.cpu(), view.count, setting))

    def sweep(
        self,
        trace: Trace,
        label: str,
        encoded: Encoded,
        question_id: str,
        strategies: Mapping[str, Strategy],
        settings: Sequence[Setting],
        positions: Positions = "original",
        oracle: Oracle | None = None,
    ) -> list[dict[str, Any]]:
        """Answers under each setting, in the order given; rows of equal kept count share decoder calls.

        Returns: rows with strategy, layer, keep, repeat, kept, tokens, answer, label_probability.
        """
        chosen = [self.select(trace, strategies, s, encoded, question_id, oracle) for s in settings]
        groups: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for i, selection in enumerate(chosen):
            groups[len(selection.kept), selection.states is not None].append(i)
        rows: list[dict[str, Any]] = [{} for _ in settings]
        for (size, merging), members in groups.items():
            members = sorted(members, key=lambda i: settings[i].layer)

            def run(part: slice, members: list[int] = members, merging: bool = merging) -> None:
                picked = members[part]
                kept = torch.stack([chosen[i].kept for i in picked])
                states = torch.stack([chosen[i].states for i in picked]) if merging else None
                layers = [settings[i].layer for i in picked]
                branches = self.model.decoder.resume(trace, layers, kept, positions, states)
                for i, answer in zip(picked, self.answers(branches, label), strict=True):
                    kept_list = chosen[i].kept.tolist()
                    setting = settings[i]
                    rows[i] = {
                        "strategy": setting.strategy,
                        "layer": setting.layer,
                        "keep": float(setting.keep),
                        "repeat": setting.repeat,
                        "kept": kept_list,
                        "tokens": len(kept_list),
                        **answer,
                    }

            self.batch.slices(len(members), size + trace.prompt.suffix, run)
        return rows

    def answers(self, branches: Branches, label: str) -> list[dict[str, Any]]:
        """answer and label_probability (first label token) of each row."""
        decoder, target = self.model.decoder, self.model.label_ids(label)[0]
        first = decoder.logits(branches.final[:, -1]).softmax(-1)[:, target].double().cpu()
        ids = decoder.decode(branches, self.limit, self.model.stop_ids)
        return [
            {"answer": self.model.answer_text(row), "label_probability": float(p)}
            for row, p in zip(ids, first, strict=True)
        ]


def _checked(kept: Tensor, count: int, setting: Setting) -> Tensor:
    integers = kept.ndim == 1 and kept.dtype in (torch.int32, torch.int64)
    if not integers or (len(kept) and (kept[0] < 0 or kept[-1] >= count or (kept.diff() <= 0).any())):
        raise UserError(
            f"strategy '{setting.strategy}' at layer {setting.layer}: select must return sorted, unique indices from 0 "
            f"to {count - 1}."
        )
    return kept
