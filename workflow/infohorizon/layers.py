"""The only place that touches transformers' decoder internals: attention, caches, calling a layer, precision.

Works with transformers 4.57 to 5.x through public points alone: `AttentionInterface.register`, any object with an
`update` method as `past_key_values`, `position_embeddings=(cos, sin)`, and the submodule names that all decoder
layers of the Llama layout share (input_layernorm, self_attn, post_attention_layernorm, mlp).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

ATTENTION = "infohorizon"
Tap = Callable[[nn.Module, Tensor, Tensor, float], None]
_tap: ContextVar[Tap | None] = ContextVar("attention_tap", default=None)


@contextmanager
def tapping(tap: Tap) -> Iterator[None]:
    """Call `tap(attention module, query, key, scaling)` (after RoPE, before repetition) at every attention inside."""
    token = _tap.set(tap)
    try:
        yield
    finally:
        _tap.reset(token)


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
    """SDPA on (batch, heads, tokens, head width) in the value's dtype; without a mask, causal if the module is."""
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    if tap := _tap.get():
        tap(module, query, key, scaling)
    query, key = query.to(value.dtype), key.to(value.dtype)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    if is_causal is None:
        is_causal = getattr(module, "is_causal", True)
    is_causal = attention_mask is None and query.shape[2] > 1 and is_causal
    out = scaled_dot_product_attention(query, key, value, attn_mask=attention_mask, is_causal=is_causal, scale=scaling)
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


class PrefixCache:
    """Keys and values of one layer: a prefix shared by all rows (stored once), and each row's own tokens.

    Args:
        shared: keys and values of the prefix, each (key/value heads, tokens, head width); None for no prefix.
    """

    def __init__(self, shared: tuple[Tensor, Tensor] | None = None) -> None:
        self.shared = shared
        self.own: tuple[Tensor, Tensor] | None = None

    def update(self, keys: Tensor, values: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        """Append (rows, heads, tokens, width) to the rows' own tokens; give prefix + own for attention."""
        keys = keys.to(values.dtype)
        if self.own is not None:
            keys, values = torch.cat([self.own[0], keys], dim=2), torch.cat([self.own[1], values], dim=2)
        self.own = keys, values
        if self.shared is None:
            return self.own
        rows = keys.shape[0]
        return tuple(
            torch.cat([shared.expand(rows, -1, -1, -1), own], dim=2)
            for shared, own in zip(self.shared, self.own, strict=True)
        )

    def __len__(self) -> int:
        shared = 0 if self.shared is None else self.shared[0].shape[1]
        return shared + (0 if self.own is None else self.own[0].shape[2])


def run_layer(layer: nn.Module, x: Tensor, rope: tuple[Tensor, Tensor], cache: PrefixCache) -> Tensor:
    """Run one decoder layer of the model on rows of tokens that follow what the cache holds.

    Args:
        x: (rows, tokens, width); rope: cos and sin of these tokens' positions.
    Returns: (rows, tokens, width).
    """
    out = layer(x, attention_mask=_mask(x, cache), position_embeddings=rope, past_key_values=cache, use_cache=True)
    return out[0] if isinstance(out, tuple) else out


def run_last_layer(layer: nn.Module, x: Tensor, rope: tuple[Tensor, Tensor], cache: PrefixCache, read: int) -> Tensor:
    """The same for the last layer, where only the last `read` tokens' outputs are used: the FFN runs on those alone.

    Returns: (rows, read, width).
    """
    attended = layer.self_attn(
        hidden_states=layer.input_layernorm(x),
        attention_mask=_mask(x, cache),
        position_embeddings=rope,
        past_key_values=cache,
    )[0]
    x = x[:, -read:] + attended[:, -read:]
    return x + layer.mlp(layer.post_attention_layernorm(x))


def _mask(x: Tensor, cache: PrefixCache) -> Tensor | None:
    """Causal mask of new tokens over cached + new ones; None where plain causal attention says the same."""
    new, old = x.shape[1], len(cache)
    if old == 0 or new == 1:
        return None
    visible = torch.ones(new, old + new, dtype=torch.bool, device=x.device).tril(diagonal=old)
    return visible[None, None]


def keep_residual_in_float32(language_model: nn.Module) -> None:
    """16-bit weights, fp32 residual stream: hidden states stay fp32, each Linear of the layers casts its own input.

    Pure 16-bit residuals drown the information of single windows in rounding noise in late layers. GEMMs run in the
    weights' dtype; RMS norms, softmax (inside SDPA), residual sums and the head run in fp32.
    """
    for module in language_model.layers.modules():
        if isinstance(module, nn.Linear) and module.weight.dtype in (torch.float16, torch.bfloat16):
            module.register_forward_pre_hook(lambda linear, inputs: (inputs[0].to(linear.weight.dtype), *inputs[1:]))
