"""Asking one model one question about one image: unpruned, without the image, or with the tokens a strategy keeps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from infohorizon.engine import Batch, Branches, Greedy, Trace, Unfinished, decode, prefill, unpruned
from infohorizon.errors import UserError
from infohorizon.measure.trace_view import TraceView
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.strategies.base import Measure, Selection, Strategy, View
from infohorizon.units import tokens_of

Keep = int | float
Settled = Callable[[str, str], bool]


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


@dataclass(frozen=True)
class Reply:
    """An answer whose token `ids` may still grow; `Questioner.read` turns it into text."""

    ids: list[int]


def begun(model: VisionLanguageModel, batch: Batch, asked: Asked, forced: Sequence[int] = ()) -> Trace:
    """The unpruned run of a question, whose layers run when they are asked for.

    Args:
        forced: tokens of the label that are appended to the prompt.
    """

    def begin() -> Trace:
        return prefill(model.language_model, model.prompt(asked.question, asked.encoded, forced))

    return batch.one(len(model.token_ids(asked.question)) + len(asked.encoded.features), begin)


class Questioner:
    """Asks one model, one question at a time.

    Args:
        model: the loaded model.
        batch: token budget of a call.
        max_new_tokens: length limit of answers.
        seed: seeds all random strategies together with question, layer, keep and repeat.
        settled: (question_id, answer so far) → whether the answer ends there; None: answers run to their end.
        together: answers are `Reply`s until `read`, so that those of many calls and questions are decoded together.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        batch: Batch,
        max_new_tokens: int,
        seed: int = 0,
        settled: Settled | None = None,
        together: bool = False,
    ) -> None:
        self.model, self.batch, self.limit, self.seed, self.settled = model, batch, max_new_tokens, seed, settled
        self.unfinished: Unfinished | None = None
        if together:
            stop, penalty = model.stop_ids, model.repetition_penalty
            self.unfinished = Unfinished(model.language_model, batch, max_new_tokens, stop, penalty)

    def trace(self, asked: Asked) -> Trace:
        """The unpruned run of the question."""
        return begun(self.model, self.batch, asked)

    def answer(self, trace: Trace, asked: Asked) -> dict[str, Any]:
        """The answer with the tokens that a trace holds: of a trace that nothing left, the unpruned one."""
        return self.batch.one(len(trace.prompt.embeddings), lambda: self.answers(unpruned(trace), asked)[0])

    def blind(self, trace: Trace, asked: Asked) -> dict[str, Any]:
        """The answer with no visual token from layer 0 on."""
        none = torch.arange(0, device=self.model.device)
        return self.answer(self.batch.one(len(trace.prompt.embeddings), lambda: trace.prune(0, none)), asked)

    def answers(self, branches: Branches, asked: Asked) -> list[dict[str, Any]]:
        """answer and label_probability (first label token) of each row; a repetition penalty touches answers alone."""
        language_model, target = self.model.language_model, self.model.label_ids(asked.label, asked.question)[0]
        first = language_model.logits(branches.final[:, -1]).softmax(dim=-1)[:, target].double().cpu()
        penalty = self.model.repetition_penalty
        choose = Greedy() if penalty == 1.0 else Greedy(self.model.token_ids(asked.question), penalty)
        settled = self.settled and partial(self._settled, self.settled, asked.question_id)
        ids = decode(language_model, branches, self.limit, self.model.stop_ids, choose, settled, self.unfinished)
        rows = [{"answer": Reply(row), "label_probability": float(p)} for row, p in zip(ids, first, strict=True)]
        return rows if self.unfinished else self.read(rows)

    def read(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows with their answers as text: all of them are completed."""
        if self.unfinished:
            self.unfinished.finish()
        return [{**row, "answer": self.model.answer_text(row["answer"].ids)} for row in rows]

    def _settled(self, settled: Settled, question_id: str, ids: list[int]) -> bool:
        return settled(question_id, self.model.answer_text(ids))

    def worth(self, trace: Trace, asked: Asked) -> dict[str, dict[str, float]]:
        """What the whole image is worth to the label: full and blind → answer_probability and divergence.

        answer_probability is that of all tokens of the label, teacher-forced; divergence is
        KL(first-token distribution ‖ unpruned), nats.
        """
        return self.batch.one(len(trace.prompt.embeddings), lambda: self._worth(trace, asked))

    def _worth(self, trace: Trace, asked: Asked) -> dict[str, dict[str, float]]:
        language_model, ids = self.model.language_model, self.model.label_ids(asked.label, asked.question)
        if len(ids) > 1:
            trace = begun(self.model, self.batch, asked, ids[:-1])
        blind = trace.prune(0, torch.arange(0, device=self.model.device))
        final = torch.stack([trace.final(), blind.final()])  # (2, 1 + forced, d)
        whole = language_model.log_probabilities(final, ids).double().sum(dim=-1).exp().tolist()
        full, none = language_model.logits(final[:, :1]).log_softmax(dim=-1)
        divergences = [0.0, float((none.exp() * (none - full)).sum().double())]
        return {
            condition: {"answer_probability": probability, "divergence": divergence}
            for condition, probability, divergence in zip(("full", "blind"), whole, divergences, strict=True)
        }

    def spells_otherwise(self, answer: str, label: str, question: str) -> bool:
        """Whether an answer is the label, but for case, and begins with another token than the one measured."""
        if answer.casefold() != label.casefold() or not answer:
            return False
        return self.model.label_ids(answer, question)[0] != self.model.label_ids(label, question)[0]

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
            UserError: the strategy gives anything but sorted, unique indices.
        """
        return settled([self.choice(trace, asked, strategies, setting, notes)])[0]

    def choice(
        self,
        trace: Trace,
        asked: Asked,
        strategies: Mapping[str, Strategy],
        setting: Setting,
        notes: dict[Any, Any] | None = None,
        layers: Sequence[int] = (),
    ) -> "Choice":
        """The same, not settled yet: nothing is waited for but what the strategy itself reads back.

        Args:
            layers: those at which the strategies will choose from this trace.
        """
        view = TraceView(
            trace,
            setting.layer,
            asked.encoded,
            self._projected,
            self.seed,
            lambda: asked.question_id,
            setting.repeat,
            asked.oracle,
            setting.keep,
            notes,
            layers,
        )
        strategy, prompt = strategies[setting.strategy], trace.prompt
        return self.batch.one(len(prompt.embeddings), lambda: choose(strategy, view, prompt.count))


class Choice(NamedTuple):
    """What a strategy gave, on whatever device, and from how many tokens at which layer."""

    selection: Selection
    strategy: str
    layer: int
    tokens: int


def choose(strategy: Strategy, view: View, count: int) -> Choice:
    """Which of a view's visual tokens stay; a fraction is of the image's own `count` tokens."""
    keep = tokens_of(view.amount, count)
    every = keep >= view.count and not strategy.sizes_itself
    chosen = Selection(torch.arange(view.count)) if every else strategy.choose(view, keep)
    return Choice(chosen, strategy.name, view.layer, view.count)


def settled(choices: Sequence[Choice]) -> list[Selection]:
    """The selections with their indices on the CPU, read back from a device at once.

    Raises:
        UserError: a strategy gave anything but sorted, unique indices.
    """
    far = [i for i, choice in enumerate(choices) if choice.selection.kept.device.type != "cpu" and _listed(choice)]
    kept = {i: choice.selection.kept for i, choice in enumerate(choices)}
    if far:
        together = torch.cat([kept[i] for i in far]).cpu()
        kept |= dict(zip(far, together.split([len(kept[i]) for i in far]), strict=True))
    for i, choice in enumerate(choices):
        ordered = _listed(choice) and not (kept[i].diff() <= 0).any()
        if not ordered or (len(kept[i]) and (kept[i][0] < 0 or kept[i][-1] >= choice.tokens)):
            raise UserError(
                f"strategy '{choice.strategy}' at layer {choice.layer}: select must return sorted, unique indices from "
                f"0 to {choice.tokens - 1}."
            )
    return [choice.selection._replace(kept=kept[i]) for i, choice in enumerate(choices)]


def _listed(choice: Choice) -> bool:
    """Whether a choice is a list of whole numbers."""
    kept = choice.selection.kept
    return kept.ndim == 1 and kept.dtype in (torch.int32, torch.int64)
