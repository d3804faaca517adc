"""A question on its way through the decoder: what enters every layer, every layer's keys and values, kept for reuse.

A sequence is prefix | visual | suffix. Notation: R rows, S tokens, N visual, M suffix tokens, T kept tokens, P prefix
tokens, d width, L layers.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from infohorizon.layers import PrefixCache, run_last_layer, run_layer, tapping

if TYPE_CHECKING:
    from infohorizon.decoder import Decoder

Positions = Literal["original", "contiguous"]
ROOM = 512  # places prepared beyond the prompt, for generated tokens


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
    """

    embeddings: Tensor
    positions: Tensor
    start: int
    count: int
    grid: tuple[int, int]
    forced: int = 0

    @property
    def suffix(self) -> int:
        return self.embeddings.shape[0] - self.start - self.count


class Rope:
    """cos and sin of every place of a sequence; rows are gathered from one table computed once.

    A *place* is an index into the table: the token's index in the full prompt under original positions, its index in
    the shortened sequence under contiguous ones; generated tokens follow on.
    """

    def __init__(self, rotary: nn.Module, positions: Tensor, like: Tensor) -> None:
        new = positions[..., -1:] + torch.arange(1, ROOM + 1, device=positions.device)
        ids = torch.cat([positions, new], dim=-1).unsqueeze(-2)  # (1, S) or (3, 1, S)
        cos, sin = rotary(like, ids)
        self.cos, self.sin = cos[..., 0, :, :], sin[..., 0, :, :]

    def at(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """cos, sin at places (R, n): (R, n, head width), with a leading 3 where the layer merges M-RoPE itself."""
        return self.cos[..., places, :], self.sin[..., places, :]


@dataclass
class Group:
    """Rows of a batch that share one cache layout at one layer; `next` is the next generated token's place."""

    rows: slice
    cache: PrefixCache
    rope: Rope
    next: int


@dataclass
class Branches:
    """R resumed rows: final-normed states of the read tokens, (R, read, d), and per layer the caches to decode with."""

    final: Tensor
    caches: list[list[Group]]


class Trace:
    """One question's run through the decoder, one row; layers run when first asked for.

    Below the layer of its last pruning a trace shares its parent's states. `visual[j]` are the original indices of
    the visual tokens present at layer j, `places[j]` all present tokens' places in `ropes[j]`.
    """

    def __init__(self, decoder: "Decoder", prompt: Prompt) -> None:
        depth = len(decoder.layers)
        places = torch.arange(prompt.embeddings.shape[0], device=prompt.embeddings.device)
        self.decoder, self.prompt = decoder, prompt
        self.ropes = [decoder.rope(prompt, "original")] * depth
        self.places = [places] * depth
        self.visual = [torch.arange(prompt.count, device=places.device)] * depth
        self._hidden = [decoder.enter(prompt.embeddings)]
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._queries: list[Tensor] = []
        self._final: Tensor | None = None
        self.scaling = 1.0

    def hidden(self, layer: int) -> Tensor:
        """States entering the layer, (S, d)."""
        while len(self._hidden) <= layer:
            self._run_next()
        return self._hidden[layer]

    def keys(self, layer: int) -> Tensor:
        """Post-RoPE keys of the layer, (key/value heads, S, head width)."""
        return self._ran(self._keys, layer)

    def values(self, layer: int) -> Tensor:
        """Values of the layer, (key/value heads, S, head width)."""
        return self._ran(self._values, layer)

    def queries(self, layer: int) -> Tensor:
        """Post-RoPE queries of the suffix tokens, (heads, M, head width)."""
        return self._ran(self._queries, layer)

    def final(self) -> Tensor:
        """Final-normed states of the last prompt token and the forced tokens, (1 + forced, d)."""
        while self._final is None:
            self._run_next()
        return self._final

    def attention(self, layer: int, rows: Tensor) -> Tensor:
        """Softmax attention of suffix tokens `rows` (indices 0 … M−1), (heads, rows, S), fp32 or fp64."""
        rows = rows.to(self.prompt.embeddings.device)
        queries, keys = self.queries(layer)[:, rows], self.keys(layer)
        wide = torch.promote_types(queries.dtype, torch.float32)
        keys = keys.repeat_interleave(queries.shape[0] // keys.shape[0], dim=0)
        scores = queries.to(wide) @ keys.to(wide).transpose(1, 2) * self.scaling
        last = keys.shape[1] - self.prompt.suffix + rows
        later = torch.arange(keys.shape[1], device=rows.device)[None, :] > last[:, None]
        return scores.masked_fill(later, -torch.inf).softmax(dim=-1)

    def prune(
        self, layer: int, kept: Tensor, positions: Positions = "original", states: Tensor | None = None
    ) -> "Trace":
        """The run in which only visual tokens `kept` (indices into those present at `layer`) enter `layer`.

        Args:
            states: (T, d) states that replace the kept tokens' (merging strategies).
        """
        kept = kept.to(self.prompt.embeddings.device)
        tokens = self._stay(layer, kept)
        child = object.__new__(Trace)
        child.__dict__.update(self.__dict__)
        depth = len(self.visual)
        hidden = self.hidden(layer)[tokens]
        if states is not None:
            hidden[self.prompt.start : self.prompt.start + len(kept)] = states.to(hidden.dtype)
        rope, places = self.ropes[layer], self.places[layer][tokens]
        if positions == "contiguous":
            rope, places = self.decoder.rope(self.prompt, positions), torch.arange(len(tokens), device=tokens.device)
        child.visual = self.visual[:layer] + [self.visual[layer][kept]] * (depth - layer)
        child.places = self.places[:layer] + [places] * (depth - layer)
        child.ropes = self.ropes[:layer] + [rope] * (depth - layer)
        child._hidden = [*self._hidden[:layer], hidden]
        child._keys, child._values = self._keys[:layer], self._values[:layer]
        child._queries, child._final = self._queries[:layer], None
        return child

    def branches(self) -> "Branches":
        """This run as a batch of one row, to be decoded from."""
        depth = len(self.visual)
        caches = []
        final = self.final()
        for j in range(depth):
            cache = PrefixCache((self._keys[j], self._values[j]))
            caches.append([Group(slice(0, 1), cache, self.ropes[j], int(self.places[j][-1]) + 1)])
        return Branches(final[None], caches)

    def _stay(self, layer: int, kept: Tensor) -> Tensor:
        """Indices of the tokens present at `layer` that remain: prefix, kept, suffix."""
        start, present = self.prompt.start, len(self.visual[layer])
        total = start + present + self.prompt.suffix
        device = kept.device
        return torch.cat(
            [torch.arange(start, device=device), start + kept, torch.arange(start + present, total, device=device)]
        )

    def _ran(self, store: list[Tensor], layer: int) -> Tensor:
        while len(store) <= layer:
            self._run_next()
        return store[layer]

    @torch.inference_mode()
    def _run_next(self) -> None:
        j = len(self._keys)
        x = self._hidden[j][None]
        cache = PrefixCache()
        suffix, rope = self.prompt.suffix, self.ropes[j].at(self.places[j][None])

        def tap(_: nn.Module, query: Tensor, __: Tensor, scaling: float) -> None:
            self._queries.append(query[0, :, -suffix:].clone())
            self.scaling = scaling

        with tapping(tap):
            if j + 1 < len(self.visual):
                self._hidden.append(run_layer(self.decoder.layers[j], x, rope, cache)[0])
            else:
                last = run_last_layer(self.decoder.layers[j], x, rope, cache, 1 + self.prompt.forced)
                self._final = self.decoder.norm(last)[0]
        self._keys.append(cache.own[0][0])
        self._values.append(cache.own[1][0])
