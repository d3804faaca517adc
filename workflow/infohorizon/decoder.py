"""The engine: run the decoder once per question, keep what enters every layer, resume from there with fewer tokens.

    trace = decoder.prefill(prompt)                   one unpruned pass, layer by layer, as far as it is asked
    branches = decoder.resume(trace, layers, kept)    rows: from the input of layers[r], only visual tokens kept[r] stay
    decoder.decode(branches, limit, stop)             greedy answers, each layer with the cache it really saw
    trace.prune(layer, kept)                          a trace of the pruned run: the next stage of a schedule

Causality leaves the prefix untouched by anything that happens to visual tokens, and each kept token untouched by what
is dropped after it: their keys and values are reused, once for all rows; only what follows the first dropped token is
recomputed. Notation as in trace.py.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from infohorizon.layers import PrefixCache, keep_residual_in_float32, run_last_layer, run_layer
from infohorizon.trace import Branches, Group, Positions, Prompt, Rope, Trace


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
        run = 0 if states is not None or (mrope and positions == "contiguous") else int(untouched(kept).min())
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


def untouched(kept: Tensor) -> Tensor:
    """How many tokens each row (…, T) keeps before its first dropped one: the length of its leading run 0, 1, 2, …"""
    same = kept == torch.arange(kept.shape[-1], device=kept.device)
    return same.long().cumprod(-1).sum(-1)
