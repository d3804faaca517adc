"""A question on its way through the decoder: what enters every layer, every layer's keys and values, kept for reuse.

A sequence is prefix | visual | suffix. Notation: R rows, S tokens, N visual, M suffix tokens, T kept tokens, P prefix
tokens, d width, L layers.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from infohorizon.engine.caches import PrefixCache
from infohorizon.engine.language_model import LanguageModel, Positions
from infohorizon.engine.layers import run_last_layer, run_layer, tapping
from infohorizon.engine.reading import Projections, projections, transition


@dataclass
class Prompt:
    """One question as the decoder takes it.

    Attributes:
        embeddings: (S, d) input embeddings, visual tokens in place.
        positions: (S,) position ids, or (3, S) for M-RoPE.
        start: P, tokens before the image.
        count: N, visual tokens.
        grid: (rows, columns) of the visual tokens, rows · columns = N.
        forced: how many suffix tokens at the end are teacher-forced label tokens.
        additions: (N, d) each; what is added to the visual tokens that are present after layer 0, after layer 1, …
            (DeepStack, Meng et al., arXiv 2406.04334).
    """

    embeddings: Tensor
    positions: Tensor
    start: int
    count: int
    grid: tuple[int, int]
    forced: int = 0
    additions: Sequence[Tensor] = ()

    @property
    def suffix(self) -> int:
        """M, tokens after the image (forced label tokens included)."""
        return self.embeddings.shape[0] - self.start - self.count

    @property
    def read(self) -> int:
        """How many tokens at the end give a prediction that is read: the last prompt token, and forced ones."""
        return 1 + self.forced


def attention_rows(queries: Tensor, keys: Tensor, own: Tensor, scaling: float) -> Tensor:
    """Causal softmax attention of some tokens, (heads, rows, S), fp32 or fp64.

    Args:
        queries: (heads, rows, head width); keys: (key/value heads, S, head width).
        own: (rows,) each row's own index among the keys.
        scaling: factor of their product.
    """
    wide = torch.promote_types(queries.dtype, torch.float32)
    keys = keys.repeat_interleave(queries.shape[0] // keys.shape[0], dim=0)
    scores = queries.to(wide) @ keys.to(wide).transpose(1, 2) * scaling
    later = torch.arange(keys.shape[1], device=keys.device)[None, :] > own[:, None]
    return scores.masked_fill(later, -torch.inf).softmax(dim=-1)


class Trace:
    """One question's run through the decoder, one row; layers run when first asked for.

    Below the layer of its last pruning a trace shares its parent's states. `visual[j]` are the original indices of
    the visual tokens present at layer j, `places[j]` all present tokens' places in `ropes[j]`, `nexts[j]` that of the
    first token to be generated.
    """

    def __init__(self, language_model: LanguageModel, prompt: Prompt) -> None:
        depth, device = language_model.depth, prompt.embeddings.device
        self.language_model, self.prompt = language_model, prompt
        self.visual = [torch.arange(prompt.count, device=device)] * depth
        self.places = [torch.arange(prompt.embeddings.shape[0], device=device)] * depth
        self.nexts = [prompt.embeddings.shape[0]] * depth
        self.ropes = [language_model.rope(prompt.positions, "original")] * depth
        self._hidden = [language_model.enter(prompt.embeddings)]
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._queries: list[Tensor] = []
        self._transitions: dict[int, Tensor] = {}
        self._final: Tensor | None = None
        self._scaling = 1.0  # of attention scores; each layer's call says it

    @property
    def device(self) -> torch.device:
        return self.prompt.embeddings.device

    def hidden(self, layer: int) -> Tensor:
        """States entering the layer, (S, d)."""
        while len(self._hidden) <= layer:
            self._run_next()
        return self._hidden[layer]

    def keys(self, layer: int) -> Tensor:
        """Post-RoPE keys of the layer, (key/value heads, S, head width)."""
        self._run_through(layer)
        return self._keys[layer]

    def values(self, layer: int) -> Tensor:
        """Values of the layer, (key/value heads, S, head width)."""
        self._run_through(layer)
        return self._values[layer]

    def queries(self, layer: int) -> Tensor:
        """Post-RoPE queries of the suffix tokens, (heads, M, head width)."""
        self._run_through(layer)
        return self._queries[layer]

    def visual_queries(self, layer: int) -> Tensor:
        """Post-RoPE queries of the visual tokens present at the layer, (heads, N, head width); made when asked."""
        return self._projections(layer).queries[:, self.prompt.start : -self.prompt.suffix]

    def transition(self, layer: int) -> Tensor:
        """How much the layer's attention and MLP turn each token of the sequence, (S,): see `reading.turned`."""
        if layer not in self._transitions:
            rope = self.ropes[layer].at(self.places[layer][None])
            self._transitions[layer] = transition(self.language_model.layers[layer], self.hidden(layer), rope)
        return self._transitions[layer]

    def final(self) -> Tensor:
        """Final-normed states of the last prompt token and the forced tokens, (1 + forced, d).

        Raises:
            UserError: they are not finite.
        """
        while self._final is None:
            self._run_next()
        return self._final

    def attention(self, layer: int, rows: Tensor, rotary: bool = True) -> Tensor:
        """Softmax attention of suffix tokens `rows` (indices 0 … M−1), (heads, rows, S), fp32 or fp64.

        Args:
            rotary: False leaves the rotary embedding out; queries and keys are then computed again.
        """
        rows = rows.to(self.device)
        if rotary:
            queries, keys, scaling = self.queries(layer), self.keys(layer), self._scaling
        else:
            queries, keys, scaling = self._projections(layer, rotary=False)
        queries = queries[:, -self.prompt.suffix :][:, rows]
        own = keys.shape[1] - self.prompt.suffix + rows  # each row's own index among the keys
        return attention_rows(queries, keys, own, scaling)

    def prune(
        self, layer: int, kept: Tensor, positions: Positions = "original", states: Tensor | None = None
    ) -> "Trace":
        """The run in which only visual tokens `kept` (indices into those present at `layer`) enter `layer`.

        Args:
            kept: (T,) ascending.
            states: (T, d) states that replace the kept tokens' (merging strategies).
        """
        kept = kept.to(self.device)
        tokens = self._remaining(layer, kept)  # (P + T + M,)
        hidden = self.hidden(layer)[tokens]
        if states is not None:
            hidden[self.prompt.start : self.prompt.start + len(kept)] = states.to(hidden.dtype)
        rope, places, following = self.ropes[layer], self.places[layer][tokens], self.nexts[layer]
        if positions == "contiguous":
            rope, following = self.language_model.rope(self.prompt.positions, positions), len(tokens)
            places = torch.arange(following, device=self.device)

        pruned, above = copy(self), len(self.visual) - layer
        pruned.visual = self.visual[:layer] + [self.visual[layer][kept]] * above
        pruned.places = self.places[:layer] + [places] * above
        pruned.nexts = self.nexts[:layer] + [following] * above
        pruned.ropes = self.ropes[:layer] + [rope] * above
        pruned._hidden = [*self._hidden[:layer], hidden]
        pruned._keys, pruned._values = self._keys[:layer], self._values[:layer]
        pruned._queries, pruned._final = self._queries[:layer], None
        pruned._transitions = {j: turned for j, turned in self._transitions.items() if j < layer}
        return pruned

    def _remaining(self, layer: int, kept: Tensor) -> Tensor:
        """Indices of the tokens present at `layer` that remain: prefix, kept, suffix."""
        start = self.prompt.start
        after = start + len(self.visual[layer])
        prefix = torch.arange(start, device=self.device)
        suffix = torch.arange(after, after + self.prompt.suffix, device=self.device)
        return torch.cat([prefix, start + kept, suffix])

    def _added(self, layer: int, x: Tensor) -> Tensor:
        """States (S, d) that leave a layer, with what the prompt adds to the visual tokens that are present."""
        if layer < len(self.prompt.additions):
            start, present = self.prompt.start, self.visual[layer]
            x[start : start + len(present)] += self.prompt.additions[layer][present].to(x)
        return x

    def _projections(self, layer: int, rotary: bool = True) -> Projections:
        cos, sin = self.ropes[layer].at(self.places[layer][None])
        rope = (cos, sin) if rotary else (torch.ones_like(cos), torch.zeros_like(sin))
        return projections(self.language_model.layers[layer], self.hidden(layer), rope)

    def _run_through(self, layer: int) -> None:
        while len(self._keys) <= layer:
            self._run_next()

    @torch.inference_mode()
    def _run_next(self) -> None:
        """Run the first layer that has not run yet, and store what it took and made, once all of it is there."""
        j, layer = len(self._keys), self.language_model.layers[len(self._keys)]
        x = self._hidden[j][None]  # (1, S, d)
        cache, rope = PrefixCache(), self.ropes[j].at(self.places[j][None])
        queries: list[Tensor] = []

        def tap(_: nn.Module, query: Tensor, __: Tensor, scaling: float) -> None:
            queries.append(query[0, :, -self.prompt.suffix :].clone())
            self._scaling = scaling

        with tapping(tap):
            if j + 1 < self.language_model.depth:
                self._hidden[j + 1 :] = [self._added(j, run_layer(layer, x, rope, cache)[0])]
            else:
                last = run_last_layer(layer, x, rope, cache, self.prompt.read)
                final = self.language_model.norm(last)[0]
                self.language_model.check_finite(final)
                self._final = final
        assert cache.own is not None  # the layer has run
        keys, values = cache.own
        self._queries += queries
        self._keys.append(keys[0])
        self._values.append(values[0])
