"""The place that touches transformers' decoder internals: attention, calling a layer, precision.

Works with transformers 4.57 to 5.x through public points alone: `AttentionInterface.register`, any object with an
`update` method as `past_key_values`, `position_embeddings=(cos, sin)`, and the submodule names that all decoder
layers of the Llama layout share (input_layernorm, self_attn, post_attention_layernorm, mlp).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from infohorizon.engine.caches import Cache, Pair, running_cache
from infohorizon.engine.padded import Bucket, PaddedCache

ATTENTION = "infohorizon"
Tap = Callable[[nn.Module, Tensor, Tensor, float], None]
LAYER_PARTS = {"input_layernorm", "self_attn", "post_attention_layernorm", "mlp"}
_tap: ContextVar[Tap | None] = ContextVar("attention_tap", default=None)
CHUNK = 128  # queries of one attention call after a prefix: what none of them sees is not computed


class DecoderLayer(Protocol):
    """A layer of the Llama layout: its parts, and the call that runs it."""

    input_layernorm: nn.Module
    self_attn: nn.Module
    post_attention_layernorm: nn.Module
    mlp: nn.Module

    def __call__(self, hidden_states: Tensor, **arguments: Any) -> Any: ...


@contextmanager
def tapping(tap: Tap) -> Iterator[None]:
    """Call `tap(attention module, query, key, scaling)` (after RoPE, before repetition) at every attention inside."""
    token = _tap.set(tap)
    try:
        yield
    finally:
        _tap.reset(token)


@torch.compiler.disable
def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """SDPA on (batch, heads, tokens, head width) in the value's dtype; without a mask, causal if the module is.

    Queries belong to the last of the keys. Inside `Cache.running` its shared prefix comes before the keys and
    values, and outputs of queries that nobody reads are left at 0.
    """
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    if tap := _tap.get():
        tap(module, query, key, scaling)
    shared, unread = None, 0
    if (cache := running_cache()) is not None:
        shared, unread = cache.shared, 0 if cache.read is None else query.shape[2] - cache.read
        query = query[:, :, unread:]
    if isinstance(cache, PaddedCache):
        parts = [_attend_padded(query[bucket.rows], bucket, scaling) for bucket in cache.buckets]
        out = torch.cat(parts) if len(parts) > 1 else parts[0]
    elif shared is not None and query.shape[2] == 1:
        out = _attend_one(query, key, value, shared, scaling)
    else:
        if shared is not None:
            key, value = (
                torch.cat([before.expand(len(own), -1, -1, -1), own], dim=2)
                for before, own in zip(shared, (key, value), strict=True)
            )
        query, key = query.to(value.dtype), key.to(value.dtype)
        groups = query.shape[1] // key.shape[1]
        if groups > 1:
            key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        if is_causal is None:
            is_causal = getattr(module, "is_causal", True)
        is_causal = attention_mask is None and query.shape[2] > 1 and is_causal
        if is_causal and query.shape[2] < key.shape[2]:
            out = _attend_last(query, key, value, scaling)
        else:
            out = scaled_dot_product_attention(
                query, key, value, attn_mask=attention_mask, is_causal=is_causal, scale=scaling
            )
    out = out.transpose(1, 2)
    return (pad(out, (0, 0, 0, 0, unread, 0)) if unread else out).contiguous(), None


def _attend_last(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """Causal attention of queries that belong to the last of the keys."""
    new, old = query.shape[2], key.shape[2] - query.shape[2]
    parts = []
    for start in range(0, new, CHUNK):
        stop = min(start + CHUNK, new)
        seen = old + stop
        mask = torch.ones(stop - start, seen, dtype=torch.bool, device=query.device).tril(diagonal=old + start)
        rows = query[:, :, start:stop], key[:, :, :seen], value[:, :, :seen]
        parts.append(scaled_dot_product_attention(*rows, attn_mask=mask, scale=scaling))
    return torch.cat(parts, dim=2)


def _attend_one(query: Tensor, key: Tensor, value: Tensor, prefix: Pair, scaling: float) -> Tensor:
    """Attention of one new token per row, in fp32 or fp64: the prefix is read once for all rows, never copied to each.

    Returns: (rows, heads, 1, head width).
    """
    wide = torch.promote_types(value.dtype, torch.float32)
    key, value, before, given = (part.to(wide) for part in (key, value, *prefix))
    rows, heads, _, width = query.shape
    kv, length = before.shape[:2]
    query = query.to(wide).reshape(rows, kv, heads // kv, width) * scaling

    def across(part: Tensor) -> Tensor:
        """(rows, kv heads, heads per kv head, n) → (kv heads, all queries, n), for one product with the prefix."""
        return part.transpose(0, 1).flatten(1, 2)

    old = (across(query) @ before.transpose(1, 2)).unflatten(1, (rows, -1)).transpose(0, 1)
    weights = torch.cat([old, query @ key.transpose(2, 3)], dim=-1).softmax(dim=-1)
    out = (across(weights[..., :length]) @ given).unflatten(1, (rows, -1)).transpose(0, 1)
    return (out + weights[..., length:] @ value).reshape(rows, heads, 1, width)


def _attend_padded(query: Tensor, bucket: Bucket, scaling: float) -> Tensor:
    """Attention of one new token per row to the keys that its row has, in the value's dtype.

    Heads that share keys stand as queries beside each other, so that no key is repeated.

    Args:
        query: (rows, heads, 1, head width), of the bucket's rows.
    Returns: the same shape.
    """
    (key, value), (rows, heads, _, width) = bucket.pair, query.shape
    grouped = query.to(value.dtype).reshape(rows, key.shape[1], heads // key.shape[1], width)
    out = scaled_dot_product_attention(grouped, key.to(value.dtype), value, attn_mask=bucket.seen, scale=scaling)
    return out.reshape(rows, heads, 1, width)


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


def misfit(decoder: Any) -> str | None:
    """Why a decoder's layers cannot be run here; None where they have the parts of the Llama layout and no others.

    Parts without parameters (dropout, which does nothing in evaluation) do not count.
    """
    for part in ("layers", "norm", "embed_tokens", "rotary_emb"):
        if not hasattr(decoder, part):
            return f"{type(decoder).__name__} has no `{part}`"
    for layer in decoder.layers:
        parts = {name for name, module in layer.named_children() if any(True for _ in module.parameters())}
        if parts != LAYER_PARTS:
            other = ", ".join(sorted(parts ^ LAYER_PARTS))
            return f"{type(layer).__name__} differs from Llama's layers in {other}"
    return None


def run_layer(layer: DecoderLayer, x: Tensor, rope: tuple[Tensor, Tensor], cache: Cache) -> Tensor:
    """Run one decoder layer of the model on rows of tokens that follow what the cache holds.

    Args:
        x: (rows, tokens, width); rope: cos and sin of these tokens' positions.
    Returns: (rows, tokens, width).
    """
    with cache.running():
        out = layer(x, attention_mask=None, position_embeddings=rope, past_key_values=cache, use_cache=True)
    return out[0] if isinstance(out, tuple) else out


def run_last_layer(layer: DecoderLayer, x: Tensor, rope: tuple[Tensor, Tensor], cache: Cache, read: int) -> Tensor:
    """The same for the last layer, where only the last `read` tokens' outputs are used: nothing else of it is computed
    but keys, values and projections.

    Returns: (rows, read, width).
    """
    with cache.running(read):
        attended = layer.self_attn(
            hidden_states=layer.input_layernorm(x),
            attention_mask=None,
            position_embeddings=rope,
            past_key_values=cache,
        )[0]
    x = x[:, -read:] + attended[:, -read:]
    return x + layer.mlp(layer.post_attention_layernorm(x))


def keep_residual_in_float32(language_model: Any) -> None:
    """16-bit weights, fp32 residual stream: hidden states stay fp32, each Linear of the layers casts its own input.

    Pure 16-bit residuals drown the information of single windows in rounding noise in late layers. GEMMs run in the
    weights' dtype; RMS norms, softmax (inside SDPA), residual sums and the head run in fp32.
    """
    for module in language_model.layers.modules():
        if isinstance(module, nn.Linear) and module.weight.dtype in (torch.float16, torch.bfloat16):
            module.register_forward_pre_hook(lambda linear, inputs: (inputs[0].to(linear.weight.dtype), *inputs[1:]))
