"""What a strategy's view reads of one row of transformers' own pass, in place of the engine's trace."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from infohorizon.engine.trace import Prompt, attention_rows
from infohorizon.pruning.layout import Layout
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


class RowRun:
    """One row at the input of `layer`, with the names that a Trace has.

    Args:
        number: of the row in `layout`, which says what enters the layer.
        here, before: what enters this layer, and what entered the one before (None at layer 0).
        keys: cached keys of the layer before, (B, key/value heads, n, head width).
        embeddings: (S, d) the row's input embeddings, all visual tokens among them.
    """

    def __init__(
        self,
        twin: Twin,
        layer: int,
        layout: Layout,
        number: int,
        here: Entering,
        before: Entering | None,
        keys: Tensor | None,
        embeddings: Tensor,
        count: int,
        grid: tuple[int, int],
    ) -> None:
        self.twin, self.layer, self.number = twin, layer, number
        self.here, self.before = here, before
        self.own, self.row = slice(layout.padding(number), None), layout.rows[number]
        self._keys = keys
        self.visual = {layer - 1: self.row.present, layer: self.row.present}
        positions = torch.arange(len(embeddings), device=embeddings.device)
        self.prompt = Prompt(embeddings, positions, self.row.before, count, grid)
        self.language_model: Any = SimpleNamespace(
            norm=twin.model.model.language_model.norm, enter=widened, depth=len(twin.layers)
        )

    def hidden(self, layer: int) -> Tensor:
        """States entering this layer or the one before, (S, d)."""
        return widened(self._entering(layer).states[self.number, self.own])

    def keys(self, layer: int) -> Tensor:
        """Post-RoPE keys of the layer before, (key/value heads, S, head width)."""
        assert layer == self.layer - 1 and self._keys is not None
        return self._keys[self.number, :, self.own]

    def visual_queries(self, layer: int) -> Tensor:
        """Post-RoPE queries of the visual tokens in the layer before, (heads, N, head width)."""
        start = self.own.start + self.row.before
        visual = slice(start, start + len(self.row.present))
        return self.twin.queries_and_keys(layer, *self._entering(layer).row(self.number, visual)).queries

    def transition(self, layer: int) -> Tensor:
        """What no row of a call knows: the layers further down have passed."""
        raise AssertionError("the plan refuses strategies that read several layers")

    def attention(self, layer: int, rows: Tensor, rotary: bool = True) -> Tensor:
        """Softmax attention of suffix tokens `rows`, (heads, rows, S), of this layer or the one before."""
        rows = rows.to(self.here.states.device)
        own = self.row.length - self.row.after + rows  # among the row's tokens
        entering = self._entering(layer)
        if layer == self.layer or not rotary:  # keys are made, too: there are none yet, or other ones
            states, (cos, sin) = entering.row(self.number, self.own)
            rope = (cos, sin) if rotary else (torch.ones_like(cos), torch.zeros_like(sin))
            queries, keys, scaling = self.twin.queries_and_keys(layer, states, rope)
            return attention_rows(queries[:, own], keys, own, scaling)
        queries, _, scaling = self.twin.queries_and_keys(layer, *entering.row(self.number, self.own.start + own))
        return attention_rows(queries, self.keys(layer), own, scaling)

    def _entering(self, layer: int) -> Entering:
        found = self.here if layer == self.layer else self.before
        assert found is not None and layer in self.visual
        return found


def widened(states: Tensor) -> Tensor:
    """States in float32, or in float64 where they are."""
    return states.to(torch.promote_types(states.dtype, torch.float32))
