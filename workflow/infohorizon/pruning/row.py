"""What a strategy's view reads of one row of transformers' own pass, in place of the engine's trace."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from infohorizon.engine.reading import transition
from infohorizon.engine.trace import Prompt, attention_rows
from infohorizon.pruning.layout import Layout, Row
from infohorizon.pruning.twin import Twin

Rope = tuple[Tensor, Tensor]


class Entering(NamedTuple):
    """What enters a layer: states (B, n, d), and cos and sin (…, B or 1, n, head width)."""

    states: Tensor
    rope: Rope

    def row(self, number: int, tokens: slice | Tensor) -> tuple[Tensor, Rope]:
        """Of one row some tokens: (tokens, d), and cos and sin (…, 1, tokens, head width)."""
        cos, sin = (part[..., number % part.shape[-3], tokens, :].unsqueeze(-3) for part in self.rope)
        return self.states[number, tokens], (cos, sin)


class Seen(NamedTuple):
    """What is known of a layer: what entered it, in which layout, and the keys that it cached (None: not yet)."""

    entering: Entering
    layout: Layout
    keys: Tensor | None


class RowRun:
    """One row at the input of a layer, with the names that a Trace has.

    Args:
        number: of the row.
        seen: layer → what is known of it, for this layer and those below that a strategy may read.
        embeddings: (S, d) the row's input embeddings, all visual tokens among them.
        grid: of the image.
    """

    def __init__(
        self, twin: Twin, number: int, seen: Mapping[int, Seen], embeddings: Tensor, whole: Row, grid: tuple[int, int]
    ) -> None:
        self.twin, self.number, self.seen = twin, number, seen
        self.visual = {layer: known.layout.rows[number].present for layer, known in seen.items()}
        positions = torch.arange(len(embeddings), device=embeddings.device)
        self.prompt = Prompt(embeddings, positions, whole.before, len(whole.present), grid)
        norm = twin.model.model.language_model.norm
        self.language_model: Any = SimpleNamespace(norm=norm, enter=widened, depth=len(twin.layers))

    def hidden(self, layer: int) -> Tensor:
        """States entering the layer, (S, d)."""
        return widened(self._own(layer)[0])

    def keys(self, layer: int) -> Tensor:
        """Post-RoPE keys of a layer below this one, (key/value heads, S, head width)."""
        keys = self.seen[layer].keys
        assert keys is not None
        return keys[self.number, :, self.seen[layer].layout.padding(self.number) :]

    def visual_queries(self, layer: int) -> Tensor:
        """Post-RoPE queries of the visual tokens, (heads, N, head width)."""
        row, padding = self.seen[layer].layout.rows[self.number], self.seen[layer].layout.padding(self.number)
        start = padding + row.before
        visual = slice(start, start + len(row.present))
        return self.twin.queries_and_keys(layer, *self.seen[layer].entering.row(self.number, visual)).queries

    def transition(self, layer: int) -> Tensor:
        """How much the layer's attention and MLP turn each token, (S,)."""
        return transition(self.twin.layers[layer], *self._own(layer))

    def attention(self, layer: int, rows: Tensor, rotary: bool = True) -> Tensor:
        """Softmax attention of suffix tokens `rows`, (heads, rows, S)."""
        known, (states, (cos, sin)) = self.seen[layer], self._own(layer)
        own = len(states) - known.layout.rows[self.number].after + rows.to(states.device)  # among the row's tokens
        if known.keys is None or not rotary:  # keys are computed as well, since there are none yet, or different ones
            rope = (cos, sin) if rotary else (torch.ones_like(cos), torch.zeros_like(sin))
            queries, keys, scaling = self.twin.queries_and_keys(layer, states, rope)
            return attention_rows(queries[:, own], keys, own, scaling)
        rope = cos[..., own, :], sin[..., own, :]
        queries, _, scaling = self.twin.queries_and_keys(layer, states[own], rope)
        return attention_rows(queries, self.keys(layer), own, scaling)

    def _own(self, layer: int) -> tuple[Tensor, Rope]:
        """The row's tokens at a layer: states (S, d), cos and sin."""
        known = self.seen[layer]
        return known.entering.row(self.number, slice(known.layout.padding(self.number), None))


def widened(states: Tensor) -> Tensor:
    """States in float32, or in float64 where they are."""
    return states.to(torch.promote_types(states.dtype, torch.float32))
