"""Asking one model one question about one image: unpruned, without the image, or with the tokens a strategy keeps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infohorizon.engine import Batch, Branches, Greedy, Trace, decode, prefill, unpruned
from infohorizon.errors import UserError
from infohorizon.measure.trace_view import TraceView
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.strategies.base import Measure, Selection, Strategy, View
from infohorizon.units import tokens_of

Keep = int | float


@dataclass(frozen=True)
class Asked:
    """A question with its image, as it is put to a model.

    Attributes:
        label: the ground-truth answer whose probability is measured.
        encoded: the image as the vision stage stored it.
        oracle: (layer, of what) → (N,) information of the image's tokens; None where no strategy reads it.
    """

    question_id: str
    question: str
    label: str
    encoded: Encoded
    oracle: Callable[[int, Measure], Tensor] | None = None


@dataclass(frozen=True)
class Setting:
    """At the input of `layer`, `strategy` leaves `keep` visual tokens; `repeat` tells random draws apart."""

    strategy: str
    layer: int
    keep: Keep
    repeat: int


class Questioner:
    """Asks one model, one question at a time.

    Args:
        model: the loaded model.
        batch: token budget of a call.
        max_new_tokens: length limit of answers.
        seed: seeds all random strategies together with question, layer, keep and repeat.
    """

    def __init__(self, model: VisionLanguageModel, batch: Batch, max_new_tokens: int, seed: int = 0) -> None:
        self.model, self.batch, self.limit, self.seed = model, batch, max_new_tokens, seed

    def trace(self, asked: Asked) -> Trace:
        """The unpruned run of the question."""
        return prefill(self.model.language_model, self.model.prompt(asked.question, asked.encoded))

    def full(self, trace: Trace, asked: Asked) -> dict[str, Any]:
        """The unpruned answer."""
        return self.answers(unpruned(trace), asked)[0]

    def blind(self, trace: Trace, asked: Asked) -> dict[str, Any]:
        """The answer with no visual token from layer 0 on."""
        nothing = trace.prune(0, torch.arange(0, device=self.model.device))
        return self.answers(unpruned(nothing), asked)[0]

    def answers(self, branches: Branches, asked: Asked) -> list[dict[str, Any]]:
        """answer and label_probability (first label token) of each row; a repetition penalty touches answers alone."""
        language_model, target = self.model.language_model, self.model.label_ids(asked.label, asked.question)[0]
        first = language_model.logits(branches.final[:, -1]).softmax(dim=-1)[:, target].double().cpu()
        penalty = self.model.repetition_penalty
        choose = Greedy() if penalty == 1.0 else Greedy(self.model.token_ids(asked.question), penalty)
        ids = decode(language_model, branches, self.limit, self.model.stop_ids, choose)
        return [
            {"answer": self.model.answer_text(row), "label_probability": float(p)}
            for row, p in zip(ids, first, strict=True)
        ]

    def worth(self, trace: Trace, asked: Asked) -> dict[str, dict[str, float]]:
        """What the whole image is worth to the label: full and blind → answer_probability and divergence.

        answer_probability is that of all tokens of the label, teacher-forced; divergence is
        KL(first-token distribution ‖ unpruned), nats.
        """
        language_model, ids = self.model.language_model, self.model.label_ids(asked.label, asked.question)
        if len(ids) > 1:
            trace = prefill(language_model, self.model.prompt(asked.question, asked.encoded, forced=ids[:-1]))
        blind = trace.prune(0, torch.arange(0, device=self.model.device))
        final = torch.stack([trace.final(), blind.final()])  # (2, 1 + forced, d)
        whole = language_model.log_probabilities(final, ids).double().sum(dim=-1).exp().tolist()
        full, none = language_model.logits(final[:, :1]).log_softmax(dim=-1)
        divergences = [0.0, float((none.exp() * (none - full)).sum().double())]
        return {
            condition: {"answer_probability": probability, "divergence": divergence}
            for condition, probability, divergence in zip(("full", "blind"), whole, divergences, strict=True)
        }

    def spells_otherwise(self, answer: str, asked: Asked) -> bool:
        """Whether an answer is the label, but for case, and begins with another token than the one measured."""
        if answer.casefold() != asked.label.casefold() or not answer:
            return False
        first = self.model.label_ids(answer, asked.question)[0]
        return first != self.model.label_ids(asked.label, asked.question)[0]

    def _projected(self, features: Tensor) -> Tensor:
        return self.model.visual_embeddings(features.to(self.model.device, self.model.dtype))

    def select(
        self,
        trace: Trace,
        asked: Asked,
        strategies: Mapping[str, Strategy],
        setting: Setting,
        notes: dict[Any, Any] | None = None,
    ) -> Selection:
        """Which visual tokens stay under one setting; fractions are of the image's own token count.

        Args:
            notes: what strategies remember of this trace from one setting to the next.

        Raises:
            UserError: the strategy gives anything but sorted, unique indices (on whatever device; here: the CPU).
        """
        key = (self.seed, asked.question_id, setting.repeat)
        view = TraceView(trace, setting.layer, asked.encoded, self._projected, key, asked.oracle, setting.keep, notes)
        return choose(strategies[setting.strategy], view, trace.prompt.count)


def choose(strategy: Strategy, view: View, count: int) -> Selection:
    """Which of a view's visual tokens stay; a fraction is of the image's own `count` tokens.

    Raises:
        UserError: the strategy gives anything but sorted, unique indices (on whatever device; here: the CPU).
    """
    keep = tokens_of(view.amount, count)
    if keep >= view.count and not strategy.sizes_itself:
        return Selection(torch.arange(view.count))
    chosen = strategy.choose(view, keep)
    return chosen._replace(kept=_checked(chosen.kept.cpu(), view.count, strategy.name, view.layer))


def _checked(kept: Tensor, count: int, strategy: str, layer: int) -> Tensor:
    integers = kept.ndim == 1 and kept.dtype in (torch.int32, torch.int64)
    if not integers or (len(kept) and (kept[0] < 0 or kept[-1] >= count or (kept.diff() <= 0).any())):
        raise UserError(
            f"strategy '{strategy}' at layer {layer}: select must return sorted, unique indices from 0 to {count - 1}."
        )
    return kept
