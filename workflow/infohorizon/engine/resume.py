"""The engine: run the decoder once per question, keep what enters every layer, resume from there with fewer tokens.

    trace = prefill(language_model, prompt)          one unpruned pass, layer by layer, as far as it is asked
    branches = resume(trace, layers, kept)           rows: from the input of layers[r], only visual tokens kept[r] stay
                                                     (or the others are taken away in another way: removal.py)
    decode(language_model, branches, limit, stop)    greedy answers, each layer with its own cache (decoding.py)
    trace.prune(layer, kept)                         a trace of the pruned run: the next stage of a schedule

Causality leaves the prefix untouched by anything that happens to visual tokens, and each kept token untouched by what
is dropped after it: their keys and values are reused, once for all rows; only what follows the first dropped token is
recomputed. Notation as in trace.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from infohorizon.engine.caches import PrefixCache
from infohorizon.engine.decoding import Branches, Group
from infohorizon.engine.language_model import LanguageModel, Positions
from infohorizon.engine.layers import run_last_layer, run_layer
from infohorizon.engine.removal import SHORTENING, Removal, Rest, rest_of
from infohorizon.engine.trace import Prompt, Trace


def prefill(language_model: LanguageModel, prompt: Prompt) -> Trace:
    """The unpruned run of a prompt."""
    return Trace(language_model, prompt)


@torch.inference_mode()
def resume(
    trace: Trace,
    layers: Sequence[int],
    kept: Tensor,
    positions: Positions = "original",
    states: Tensor | None = None,
    decodable: bool = True,
    removal: Removal = "delete",
) -> Branches:
    """Continue R rows from the inputs of their layers with the visual tokens that stay.

    Rows of one size T form a batch whatever their layers: row r joins it when layer layers[r] is reached.

    Args:
        trace: the unpruned run.
        layers: R layers, ascending.
        kept: (R, T) indices 0 … N−1, ascending in each row; on the CPU nothing is waited for to look at them.
        positions: contiguous ones only where tokens leave the sequence.
        states: (R, T, d) states that replace the kept tokens' at their layer (delete alone); what the prompt adds to
            these tokens later is their own.
        decodable: keep the caches; False where only the read tokens' states are wanted.
        removal: what becomes of the other visual tokens (removal.py).
    Raises:
        UserError: states that are not finite.
        ValueError: positions or states that this removal does not take.
    """
    model, prompt = trace.language_model, trace.prompt
    if (positions == "contiguous" and removal not in SHORTENING) or (states is not None and removal != "delete"):
        raise ValueError(f"removal '{removal}' takes original positions and the tokens' own states")
    # 1. Which tokens are recomputed, n of each row, and which are shared: their keys and values are the trace's own.
    reused = _reused(prompt, kept, positions, states)
    rows, kept = len(kept), kept.to(trace.device)
    rest = rest_of(trace, kept, removal, reused)
    # 2. Where they stand: at their original places, or right behind each other.
    rope, places = trace.ropes[0], rest.own  # (R, n)
    after_last = len(prompt.embeddings)  # place of the first generated token
    if positions == "contiguous":
        rope, after_last = model.rope(prompt.positions, positions), rest.shared + rest.own.shape[1]
        places = torch.arange(rest.shared, after_last, device=trace.device).expand(rows, -1)
    cos, sin = rope.at(places)  # (R, n, head width)

    # 3. Layer by layer: rows whose layer this is join the batch with the trace's states; the batch goes through.
    joined = torch.bincount(torch.as_tensor(layers), minlength=model.depth).cumsum(dim=0).tolist()
    x = trace.hidden(0).new_zeros(0, rest.own.shape[1], model.width)  # (rows in the batch, n, d)
    caches: list[list[Group]] = []
    for j, layer in enumerate(model.layers):
        active, groups = joined[j], []
        if active > 0:
            x = _entering(trace, rest, j, x, active, states)
            shared = trace.keys(j)[:, : rest.shared], trace.values(j)[:, : rest.shared]
            cache = PrefixCache(shared, rest.given_at(trace, j, active))
            here = cos[..., :active, :, :], sin[..., :active, :, :]
            if j + 1 < model.depth:
                x = run_layer(layer, x, here, cache)  # (active, n, d)
                rest.add(trace, j, x)
            else:
                x = model.norm(run_last_layer(layer, x, here, cache, prompt.read))  # (R, read, d)
            groups.append(Group(slice(0, active), cache, rope, after_last))
        # 4. Rows that have not joined yet still hold all tokens at this layer: they decode with the trace's cache.
        if decodable and active < rows:
            groups.append(_whole(trace, j, slice(active, rows)))
        caches.append(groups if decodable else [])
    model.check_finite(x)
    return Branches(x, caches)


def unpruned(trace: Trace) -> Branches:
    """The trace's own run as a batch of one row, to be decoded from."""
    final = trace.final()[None]
    return Branches(final, [[_whole(trace, j, slice(0, 1))] for j in range(trace.language_model.depth)])


def untouched(kept: Tensor) -> Tensor:
    """How many tokens each row (…, T) keeps before its first dropped one: the length of its leading run 0, 1, 2, …"""
    same = kept == torch.arange(kept.shape[-1], device=kept.device)
    return same.long().cumprod(dim=-1).sum(dim=-1)


def _reused(prompt: Prompt, kept: Tensor, positions: Positions, states: Tensor | None) -> int:
    """How many leading visual tokens every row keeps, unchanged and in place: their keys and values are reused."""
    moved = positions == "contiguous" and prompt.positions.ndim > 1  # contiguous ids differ from M-RoPE's at once
    if states is not None or moved:
        return 0
    return int(untouched(kept).min())


def _entering(trace: Trace, rest: Rest, layer: int, x: Tensor, active: int, states: Tensor | None) -> Tensor:
    """States that enter a layer, (active, n, d): those of the rows in the batch, x, and the trace's for new ones."""
    old = len(x)
    if active > old:
        new = trace.hidden(layer)[rest.own[old:active]]
        if states is not None:
            new[:, : states.shape[1]] = states[old:active].to(new)
        x = torch.cat([x, new])
    rest.replace(trace, layer, x, old)
    return x


def _whole(trace: Trace, layer: int, rows: slice) -> Group:
    """Rows that hold all of the trace's tokens at this layer: they share its cache."""
    cache = PrefixCache((trace.keys(layer), trace.values(layer)))
    return Group(rows, cache, trace.ropes[layer], trace.nexts[layer])
