"""What strategies see, taken from a trace: computed when asked, never before."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Protocol

import torch
from torch import Tensor

from infohorizon.engine.trace import Prompt
from infohorizon.errors import UserError
from infohorizon.models.base import Encoded
from infohorizon.seeding import seed_of
from infohorizon.strategies.base import Measure, Section, View


class Run(Protocol):
    """What a view reads of a question's run: the engine's Trace, or another run with these names."""

    prompt: Prompt
    language_model: Any

    @property
    def visual(self) -> Sequence[Tensor] | Mapping[int, Tensor]: ...
    def hidden(self, layer: int) -> Tensor: ...
    def keys(self, layer: int) -> Tensor: ...
    def visual_queries(self, layer: int) -> Tensor: ...
    def transition(self, layer: int) -> Tensor: ...
    def attention(self, layer: int, rows: Tensor, rotary: bool = True) -> Tensor: ...


class TraceView(View):
    """The visual tokens present at the input of `layer` of a trace.

    Args:
        encoded: the image as cached by the vision stage.
        project: vision features (tokens, feature width) → what enters the language model, (tokens, width).
        seed, identity, repeat: what seeds random draws beside layer and keep; `identity` gives the question's id.
        amount: keep as configured.
        oracle: (layer, of what) → (N,) information of all tokens of the image; None where no table was given.
        notes: what strategies remember of this trace; None for nothing yet.
        layers: those at which it will be asked.
    """

    def __init__(
        self,
        trace: Run,
        layer: int,
        encoded: Encoded,
        project: Callable[[Tensor], Tensor],
        seed: int = 0,
        identity: Callable[[], str] = str,
        repeat: int = 0,
        oracle: Callable[[int, Measure], Tensor] | None = None,
        amount: float = 0,
        notes: dict[Any, Any] | None = None,
        layers: Sequence[int] = (),
    ) -> None:
        prompt = trace.prompt
        self.trace, self.layer, self.encoded, self.oracle = trace, layer, encoded, oracle
        self.project = project
        self.depth, self.leaving = trace.language_model.depth, layer
        self.seed, self.identity, self.repeat = seed, identity, repeat
        self.amount, self.present, self.grid = amount, trace.visual[layer], encoded.grid
        self.count, self.visual_start = len(self.present), prompt.start
        self.text_count = prompt.suffix - prompt.forced
        self.notes, self.layers = {} if notes is None else notes, layers

    def at(self, layer: int) -> "TraceView":
        view = copy(self)
        view.layer, view.layers = layer, ()
        return view

    def _visual(self, layer: int) -> Tensor | slice:
        """Where the tokens are in the sequence of a layer; more may have been there than are left."""
        there = self.trace.visual[layer]
        if len(there) == self.count:
            return slice(self.visual_start, self.visual_start + self.count)
        return self.visual_start + torch.searchsorted(there, self.present)

    def _section(self, section: Section, states: Tensor, layer: int) -> Tensor:
        """Rows of the asked section; `states` holds all tokens of the layer in its second-last dimension."""
        if section == "visual":
            return states[..., self._visual(layer), :]
        first = self.visual_start + len(self.trace.visual[layer])
        return states[..., first : first + self.text_count, :]

    def hidden(self, section: Section = "visual", before: int = 0) -> Tensor:
        layer = self.layer - before
        return self._section(section, self.trace.hidden(layer), layer)

    def normed_hidden(self, section: Section = "visual") -> Tensor:
        return self.trace.language_model.norm(self.hidden(section))

    def keys(self, section: Section = "visual") -> Tensor:
        keys = self.trace.keys(self.layer - 1)
        return self._section(section, keys.to(torch.promote_types(keys.dtype, torch.float32)), self.layer - 1)

    def queries(self) -> Tensor:
        queries = self.trace.visual_queries(self.layer - 1)
        there = torch.searchsorted(self.trace.visual[self.layer - 1], self.present)
        return queries.to(torch.promote_types(queries.dtype, torch.float32))[:, there]

    def transition(self, layer: int) -> Tensor:
        return self.trace.transition(layer)[self._visual(layer)]

    def attention(self, rows: Tensor, ahead: bool = False, rotary: bool = True) -> Tensor:
        layer = self.layer if ahead else self.layer - 1
        return self.trace.attention(layer, rows, rotary)[..., self._visual(layer)]

    def embeddings(self, section: Section = "visual") -> Tensor:
        prompt = self.trace.prompt
        after = prompt.start + prompt.count
        rows = slice(prompt.start, after) if section == "visual" else slice(after, after + self.text_count)
        return self.trace.language_model.enter(prompt.embeddings[rows])

    def prompt_embeddings(self) -> Tensor:
        prompt = self.trace.prompt
        before = self.trace.language_model.enter(prompt.embeddings[: prompt.start])
        return torch.cat([before, self.embeddings("text")])

    def saliency(self, early: bool = False) -> Tensor:
        return self._cached("early_saliency" if early else "saliency")

    def received(self, middle: bool = False) -> Tensor:
        return self._cached("middle_received" if middle else "received")

    def features(self) -> Tensor:
        return self._cached("features")

    def projected(self, features: Tensor) -> Tensor:
        return self.trace.language_model.enter(self.project(features))

    def vision_keys(self) -> Tensor:
        return self._cached("keys")

    def information(self, by: Measure = "first token") -> Tensor:
        if self.oracle is None:
            raise UserError("strategy 'information' needs the information table of this model and benchmark.")
        oracle, device = self.oracle, self.present.device
        return self.noted(("information", self.leaving, by), lambda: oracle(self.leaving, by).to(device))[self.present]

    def places(self) -> Tensor:
        present, columns = self.noted(("present",), self.present.cpu), self.grid[1]
        return torch.stack([present // columns, present % columns], dim=1)

    def generator(self, keep: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(self.seed, self.question_id, self.repeat, self.leaving, keep))

    def _cached(self, name: str) -> Tensor:
        """A part of the encoded image, moved to the device once."""
        values = self.noted(("encoded", name), lambda: getattr(self.encoded, name).to(self.present.device))
        return values.to(torch.promote_types(values.dtype, torch.float32))[self.present]
