"""FLOPs, bytes and mean visual tokens in closed form. No torch.

One decoder layer on n new tokens that attend to c cached ones and to each other, width d, query width q (mostly d), FFN
width m, key/value width k: 2·(2·n·d·q + 2·n·d·k) for the projections, 4·n·(c + (n + 1)/2)·q for attention, 6·n·d·m for
the FFN. A multiplication and an addition are two FLOPs; norms, softmax and rotary embedding are left out. Attention is
causal: the i-th new token sees c + i, so that n tokens at once cost what they cost one after another. The masked half
is not counted, because attention kernels skip it (all but blocks on the diagonal).
"""

from collections.abc import Sequence
from typing import Any

from infohorizon.models.geometry import Geometry, kv_bytes
from infohorizon.units import layer_of, tokens_of

PREFIX = 35  # tokens before the image: vicuna_v1's; Qwen2.5-VL has 15
# A job's start: seconds for imports, and bytes per second at which weights come from a shared file system.
IMPORTS, LOADING = 20, 1e9
# Least and most visual tokens by the Qwen models' own preprocessor_config.json: 28 pixels a token, or Qwen3-VL's 32.
OWN_LIMITS = {28: (4, 16384), 32: (64, 16384)}


def visual_tokens(shape: Geometry, pixels: int, least: int | None = None, most: int | None = None) -> int:
    """Visual tokens of an image of so many pixels, `least` and `most` being the model's min_pixels and max_pixels."""
    if shape.square is not None:
        return shape.square
    assert shape.cell is not None  # only squares have none
    area = shape.cell**2
    own = [tokens * area for tokens in OWN_LIMITS.get(shape.cell, OWN_LIMITS[28])]
    return max(1, round(min(max(pixels, least or own[0]), most or own[1]) / area))


def layer_flops(shape: Geometry, new: float, cached: float = 0) -> float:
    """FLOPs of one decoder layer on `new` tokens of a row that follow `cached` ones."""
    d, q, k, m = shape.width, shape.attention_width, shape.kv_width, shape.ffn
    return 2 * (2 * new * d * q + 2 * new * d * k) + 4 * new * (cached + (new + 1) / 2) * q + 6 * new * d * m


def head_flops(shape: Geometry) -> float:
    """FLOPs of the logits of one token."""
    return 2 * shape.width * shape.vocabulary


def last_layer_flops(shape: Geometry, new: float, cached: float = 0, read: float = 1) -> float:
    """FLOPs of the last decoder layer, of which the last `read` tokens' outputs are used: only they attend and pass
    through the FFN."""
    d, q, k, m = shape.width, shape.attention_width, shape.kv_width, shape.ffn
    seen = cached + new - (read - 1) / 2
    return 2 * (2 * new * d * q + 2 * new * d * k) + 4 * read * seen * q + 6 * read * d * m


def prefill_flops(shape: Geometry, tokens: float, read: float = 1) -> float:
    """FLOPs of an unpruned pass over a prompt, whose last `read` tokens give a prediction."""
    return resume_flops(shape, 0, tokens, 0, read)


def resume_flops(shape: Geometry, layer: int, new: float, cached: float, read: float = 1) -> float:
    """FLOPs of one row from the input of `layer` on: `new` tokens (kept and suffix) after a shared prefix."""
    whole = (shape.layers - 1 - layer) * layer_flops(shape, new, cached)
    return whole + last_layer_flops(shape, new, cached, read) + read * head_flops(shape)


def vision_flops(shape: Geometry, tokens: float) -> float:
    """FLOPs of encoding an image of so many visual tokens; attention between patches is left out."""
    return 2 * shape.tower * shape.patches * tokens


def trace_bytes(shape: Geometry, tokens: float, suffix: float, element: int) -> float:
    """Bytes of a cached prefill: every layer's input (fp32), keys and values, and queries of the suffix."""
    states = tokens * shape.width * shape.layers * max(4, element)
    return states + kv_bytes(shape, tokens, element) + suffix * shape.attention_width * shape.layers * element


def weight_bytes(shape: Geometry, element: int) -> float:
    """Bytes of the loaded model; a 16-bit model's head is held in fp32 beside it."""
    return shape.parameters * element + (4 * shape.vocabulary * shape.width if element == 2 else 0)


def image_bytes(shape: Geometry, tokens: float, element: int) -> float:
    """Bytes of an image's row in the vision table: features and keys in fp16 or fp32, four of attention in fp32."""
    return tokens * ((shape.feature_width + shape.key_width) * min(4, element) + 4 * 4)


def present_tokens(stages: Sequence[Sequence[Any]], count: int, depth: int) -> list[int]:
    """Visual tokens at each layer under a schedule [[layer, strategy, keep], …], if strategies keep what is asked.

    Their mean is what DART, SparseVLM and the paper call the schedule's budget.
    """
    present = [count] * depth
    for layer, _, keep in stages:
        first = layer_of(layer, depth)
        kept = min(tokens_of(keep, count), present[first])
        present[first:] = [kept] * (depth - first)
    return present


def start_seconds(stored: float) -> float:
    """Seconds until a job computes: imports, and its model's bytes from disk."""
    return IMPORTS + stored / LOADING
