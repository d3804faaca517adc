"""What a decoder layer computes on the way, for strategies that look at more than its input, keys and values.

A run of the model needs none of it, so nothing here is stored on the way: it is computed from a layer's input by the
model's own modules, as in layers.py.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from infohorizon.engine.caches import PrefixCache
from infohorizon.engine.layers import DecoderLayer, tapping


class Projections(NamedTuple):
    """Queries (heads, tokens, head width) and keys (key/value heads, tokens, head width) of a layer, and what their
    products are multiplied by."""

    queries: Tensor
    keys: Tensor
    scaling: float


class _Made(Exception):
    """Ends a layer's attention where its queries and keys are made."""

    def __init__(self, projections: Projections) -> None:
        self.projections = projections


@torch.inference_mode()
def projections(layer: DecoderLayer, x: Tensor, rope: tuple[Tensor, Tensor]) -> Projections:
    """What the layer's attention takes of states (tokens, width), without attending.

    Args:
        rope: cos and sin of the tokens' positions; ones and zeros leave the rotary embedding out.
    """

    def tap(_: nn.Module, query: Tensor, key: Tensor, scaling: float) -> None:
        raise _Made(Projections(query[0], key[0], scaling))

    with tapping(tap):
        try:
            _attend(layer, layer.input_layernorm(x[None]), rope)
        except _Made as made:
            return made.projections
    raise AssertionError("attention did not call its tap")


@torch.inference_mode()
def transition(layer: DecoderLayer, x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    """How much a layer's attention and MLP turn each token, summed: see `turned`.

    Args:
        x: (tokens, width) states entering the layer.
    Returns: (tokens,).
    """
    normed = layer.input_layernorm(x[None])
    attended = _attend(layer, normed, rope)
    inside = layer.post_attention_layernorm(x[None] + attended)
    return turned(normed[0], attended[0]) + turned(inside[0], layer.mlp(inside)[0])


def turned(before: Tensor, after: Tensor) -> Tensor:
    """Transition of each token in one sublayer: ‖after‖ / ‖before‖ · softmax over tokens of (1 − cos(before, after)).

    Li et al., TransPrune, as their code computes it (liaolea/TransPrune at c9e8284); the softmax runs over the whole
    sequence.

    Args:
        before, after: (tokens, width) the sublayer's normed input, and its output before the residual sum.
    Returns: (tokens,).
    """
    wide = torch.promote_types(before.dtype, torch.float32)
    before, after = before.to(wide), after.to(wide)
    length = after.norm(dim=-1) / before.norm(dim=-1)
    return length * (1 - cosine_similarity(before, after, dim=-1)).softmax(dim=-1)


def _attend(layer: DecoderLayer, normed: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    cache = PrefixCache()
    with cache.running():
        return layer.self_attn(
            hidden_states=normed, attention_mask=None, position_embeddings=rope, past_key_values=cache
        )[0]
