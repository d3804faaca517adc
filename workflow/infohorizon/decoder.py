"""The engine: run the decoder once per question, keep what enters every layer, resume from there with fewer tokens.

    trace = decoder.prefill(prompt)                   one unpruned pass, layer by layer, as far as it is asked
    branches = decoder.resume(trace, layers, kept)    rows: from the input of layers[r], only visual tokens kept[r] stay
    decoder.decode(branches, limit, stop)             greedy answers, each layer with the cache it really saw
    trace.prune(layer, kept)                          a trace of the pruned run: the next stage of a schedule

A sequence is prefix | visual | suffix. Causality leaves the prefix untouched by anything that happens to visual
tokens, and each kept token untouched by what is dropped after it: their keys and values are reused, once for all
rows; only what follows the first dropped token is recomputed. Notation: R rows, S tokens, N visual, M suffix tokens,
T kept tokens, P prefix tokens, d width, L layers.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from infohorizon.layers import PrefixCache, keep_residual_in_float32, run_last_layer, run_layer, tapping

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


class Decoder:
    """The language model of a vision-language model: the model's own layers, norm and head.

    Args:
        language_model: has layers, norm, rotary_emb, embed_tokens.
        head: maps (…, d) to (…, vocabulary).
    """

    def __init__(self, language_model: nn.Module, head: nn.Module) -> None:
        self.layers, self.norm = language_model.layers, language_model.norm
        self.embed, self.rotary = language_model.embed_tokens, language_model.rotary_emb
        self.width = self.embed.weight.shape[1]
        self.dtype = torch.promote_types(self.embed.weight.dtype, torch.float32)
        if self.embed.weight.dtype != self.dtype:
            keep_residual_in_float32(language_model)
            head = deepcopy(head).to(self.dtype)
        self.head = head

    def enter(self, embeddings: Tensor) -> Tensor:
        """Input embeddings in the residual stream's dtype."""
        return embeddings.to(self.dtype)

    def rope(self, prompt: Prompt, positions: Positions) -> Rope:
        like = prompt.embeddings.new_zeros(1, dtype=self.dtype)
        ids = prompt.positions
        if positions == "contiguous":
            ids = torch.arange(ids.shape[-1], device=ids.device).expand_as(ids)
        return Rope(self.rotary, ids, like)

    def prefill(self, prompt: Prompt) -> Trace:
        """The unpruned run of a prompt."""
        return Trace(self, prompt)

    @torch.inference_mode()
    def resume(
        self,
        trace: Trace,
        layers: Sequence[int],
        kept: Tensor,
        positions: Positions = "original",
        states: Tensor | None = None,
        decodable: bool = True,
    ) -> Branches:
        """Continue rows from the inputs of their layers with the visual tokens that stay.

        Rows with one T go together whatever their layers: row r joins the batch when layer layers[r] is reached.

        Args:
            trace: the unpruned run.
            layers: R layers, ascending.
            kept: (R, T) indices 0 … N−1, ascending in each row.
            states: (R, T, d) states that replace the kept tokens' at their layer.
            decodable: keep the caches; False where only the read tokens' states are wanted.
        """
        start, count, suffix = trace.prompt.start, trace.prompt.count, trace.prompt.suffix
        rows, T = kept.shape
        device = trace.prompt.embeddings.device
        kept = kept.to(device)
        mrope = trace.prompt.positions.ndim > 1
        run = 0 if states is not None or (mrope and positions == "contiguous") else _common_run(kept)
        shared = start + run
        after = torch.arange(start + count, start + count + suffix, device=device).expand(rows, -1)
        own = torch.cat([start + kept[:, run:], after], dim=1)
        rope, places = trace.ropes[0], own
        if positions == "contiguous":
            rope = self.rope(trace.prompt, positions)
            places = torch.arange(shared, start + T + suffix, device=device).expand(rows, -1)
        cos, sin = rope.at(places)
        total = int(places[0, -1]) + 1
        joined = torch.bincount(torch.as_tensor(layers), minlength=len(self.layers)).cumsum(0).tolist()
        x = trace.hidden(0).new_zeros(0, own.shape[1], self.width)
        caches = []
        for j, layer in enumerate(self.layers):
            active, old = joined[j], len(x)
            if active == 0:
                caches.append([self._waiting(trace, j, slice(0, rows))] if decodable else [])
                continue
            if active > old:
                new = trace.hidden(j)[own[old:active]]
                if states is not None:
                    new[:, :T] = states[old:active].to(new)
                x = torch.cat([x, new])
            cache = PrefixCache((trace.keys(j)[:, :shared], trace.values(j)[:, :shared]))
            here = cos[..., :active, :, :], sin[..., :active, :, :]
            if j + 1 < len(self.layers):
                x = run_layer(layer, x, here, cache)
            else:
                x = self.norm(run_last_layer(layer, x, here, cache, 1 + trace.prompt.forced))
            if not decodable:
                continue
            groups = [Group(slice(0, active), cache, rope, total)]
            if active < rows:
                groups.append(self._waiting(trace, j, slice(active, rows)))
            caches.append(groups)
        return Branches(x, caches)

    def _waiting(self, trace: Trace, layer: int, rows: slice) -> Group:
        """Rows that still hold all tokens at this layer: they share the trace's cache."""
        cache = PrefixCache((trace.keys(layer), trace.values(layer)))
        return Group(rows, cache, trace.ropes[layer], int(trace.places[layer][-1]) + 1)

    def logits(self, final: Tensor) -> Tensor:
        """Final-normed states (…, d) → logits (…, vocabulary), fp32 or fp64."""
        return self.head(final.to(self.dtype))

    def log_probabilities(self, final: Tensor, targets: Tensor, size: int = 1 << 26) -> Tensor:
        """log p of target tokens at each read position, without holding (R, read, vocabulary) at once.

        Args:
            final: (R, read, d); targets: (read,) token ids.
        Returns: (R, read).
        """
        rows = max(1, size // (self.head.weight.shape[0] * final.shape[1]))
        out = final.new_empty(final.shape[:2])
        for part, chunk in zip(out.split(rows), final.split(rows), strict=True):
            log_p = self.logits(chunk).log_softmax(-1)
            part.copy_(log_p.gather(-1, targets.expand(len(chunk), -1)[..., None])[..., 0])
        return out

    @torch.inference_mode()
    def decode(self, branches: Branches, limit: int, stop: Sequence[int]) -> list[list[int]]:
        """Greedy continuation of every row: at most `limit` (≤ ROOM) token ids, without the stop token."""
        stops = torch.tensor(list(stop), device=branches.final.device)
        token = self.logits(branches.final[:, -1]).argmax(-1)
        out, done = [token], torch.isin(token, stops)
        for step in range(limit - 1):
            if bool(done.all()):
                break
            x = self.enter(self.embed(token))[:, None]
            for layer, groups in zip(self.layers, branches.caches, strict=True):
                parts = []
                for group in groups:
                    part = x[group.rows]
                    places = torch.full((len(part), 1), group.next + step, device=x.device)
                    parts.append(run_layer(layer, part, group.rope.at(places), group.cache))
                x = torch.cat(parts) if len(parts) > 1 else parts[0]
            token = self.logits(self.norm(x)[:, 0]).argmax(-1)
            out.append(token)
            done |= torch.isin(token, stops)
        ended = set(stop)
        return [_until(row, ended) for row in torch.stack(out, dim=1).tolist()]


def _until(tokens: list[int], ended: set[int]) -> list[int]:
    return tokens[: next((i for i, token in enumerate(tokens) if token in ended), len(tokens))]


def _common_run(kept: Tensor) -> int:
    """Length of the leading run 0, 1, 2, … that all rows keep: nothing before these tokens was dropped."""
    same = (kept == torch.arange(kept.shape[1], device=kept.device)).all(0)
    return int(same.long().cumprod(0).sum())
