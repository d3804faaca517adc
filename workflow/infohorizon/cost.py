"""FLOPs, bytes and mean visual tokens in closed form. No torch.

One decoder layer on n new tokens that attend to c cached ones and to each other, width d, FFN width m, key/value
width k: 2·(2·n·d² + 2·n·d·k) for the projections, 4·n·(c + n)·d for attention, 6·n·d·m for the FFN. A multiplication
and an addition are two FLOPs; the causal half of attention, norms and softmax are not taken off or added.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infohorizon.catalogue import decoder_config
from infohorizon.specs import layer_of, tokens_of

# One A100 (80 GB): dense bf16 FLOP/s, the fraction of it that large matrix products reach in practice, and the
# bytes per second at which weights are read for one generated token.
PEAK, EFFICIENCY, BANDWIDTH = 312e12, 0.4, 1.5e12
# A job's start: seconds for imports, and bytes per second at which weights come from a shared file system.
IMPORTS, LOADING = 20, 1e9
# Bounds of an image's pixels in Qwen2.5-VL's own preprocessor_config.json.
QWEN_PIXELS = 56 * 56, 28 * 28 * 16384


@dataclass(frozen=True)
class Geometry:
    """What of a model sets its cost.

    Attributes:
        layers, width, ffn, kv_width, vocabulary: of the decoder; kv_width is key/value heads · head width.
        tower: parameters of the vision tower.
        patches: patches behind one visual token.
        cell: pixels of one visual token's side, where images keep their size; else None.
        square: visual tokens of every image, where all are resized to one square; else None.
        feature_width, key_width: values per visual token in the vision table.
    """

    layers: int
    width: int
    ffn: int
    kv_width: int
    vocabulary: int
    tower: int
    patches: int
    cell: int | None
    square: int | None
    feature_width: int
    key_width: int

    @property
    def parameters(self) -> int:
        """Of decoder, embedding, head and vision tower."""
        layer = 2 * self.width**2 + 2 * self.width * self.kv_width + 3 * self.width * self.ffn
        return self.layers * layer + 2 * self.vocabulary * self.width + self.tower


def geometry(config: Mapping[str, Any]) -> Geometry:
    """Geometry from a config.json of LLaVA or Qwen2.5-VL.

    Raises:
        KeyError: a size is missing.
    """
    text, vision = decoder_config(config), config["vision_config"]
    width, heads = text["hidden_size"], text["num_attention_heads"]
    kv_width = text.get("num_key_value_heads", heads) * width // heads
    d, m = vision["hidden_size"], vision["intermediate_size"]
    merging = "spatial_merge_size" in vision
    blocks = vision["depth" if merging else "num_hidden_layers"]
    side = vision["patch_size"] * vision.get("spatial_merge_size", 1)
    return Geometry(
        text["num_hidden_layers"],
        width,
        text["intermediate_size"],
        kv_width,
        text["vocab_size"],
        tower=blocks * (4 * d * d + (3 if merging else 2) * d * m),
        patches=vision.get("spatial_merge_size", 1) ** 2,
        cell=side if merging else None,
        square=None if merging else (vision["image_size"] // side) ** 2,
        feature_width=width if merging else d,
        key_width=d // vision["num_heads" if merging else "num_attention_heads"],
    )


def visual_tokens(shape: Geometry, pixels: int, least: int | None = None, most: int | None = None) -> int:
    """Visual tokens of an image of so many pixels, `least` and `most` being the model's min_pixels and max_pixels."""
    if shape.square is not None:
        return shape.square
    least, most = least or QWEN_PIXELS[0], most or QWEN_PIXELS[1]
    return max(1, round(min(max(pixels, least), most) / shape.cell**2))


def layer_flops(shape: Geometry, new: float, cached: float = 0) -> float:
    """FLOPs of one decoder layer on `new` tokens of a row that follow `cached` ones."""
    d, k, m = shape.width, shape.kv_width, shape.ffn
    return 2 * (2 * new * d * d + 2 * new * d * k) + 4 * new * (cached + new) * d + 6 * new * d * m


def head_flops(shape: Geometry) -> float:
    """FLOPs of the logits of one token."""
    return 2 * shape.width * shape.vocabulary


def prefill_flops(shape: Geometry, tokens: float) -> float:
    """FLOPs of an unpruned pass over a prompt."""
    return shape.layers * layer_flops(shape, tokens) + head_flops(shape)


def resume_flops(shape: Geometry, layer: int, new: float, cached: float) -> float:
    """FLOPs of one row that goes on from the input of `layer`: `new` tokens (kept and suffix) after a shared prefix."""
    return (shape.layers - layer) * layer_flops(shape, new, cached) + head_flops(shape)


def vision_flops(shape: Geometry, tokens: float) -> float:
    """FLOPs of encoding an image of so many visual tokens; attention between patches is left out."""
    return 2 * shape.tower * shape.patches * tokens


def kv_bytes(shape: Geometry, tokens: float, element: int) -> float:
    """Bytes of the keys and values of so many tokens in all layers; `element` bytes a value."""
    return 2 * tokens * shape.kv_width * shape.layers * element


def trace_bytes(shape: Geometry, tokens: float, suffix: float, element: int) -> float:
    """Bytes of a cached prefill: every layer's input (fp32), keys and values, and queries of the suffix."""
    states = tokens * shape.width * shape.layers * max(4, element)
    return states + kv_bytes(shape, tokens, element) + suffix * shape.width * shape.layers * element


def weight_bytes(shape: Geometry, element: int) -> float:
    """Bytes of the loaded model; a 16-bit model's head is held in fp32 beside it."""
    return shape.parameters * element + (4 * shape.vocabulary * shape.width if element == 2 else 0)


def image_bytes(shape: Geometry, tokens: float, element: int) -> float:
    """Bytes of an image's row in the vision table: features and keys in fp16 or fp32, saliency in fp32."""
    return tokens * ((shape.feature_width + shape.key_width) * min(4, element) + 4)


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


def gpu_seconds(flops: float, weight_reads: float = 0, weights: float = 0) -> float:
    """Seconds on one A100: FLOPs at the stated efficiency, and the weights once per generated token and batch."""
    return flops / (PEAK * EFFICIENCY) + weight_reads * weights / BANDWIDTH


def start_seconds(stored: float) -> float:
    """Seconds until a job computes: imports, and its model's bytes from disk."""
    return IMPORTS + stored / LOADING


def batch_bytes(shape: Geometry, tokens: float, element: int) -> float:
    """Bytes of so many tokens in a decoder call: fp32 states, projections, FFN activations, and their cache."""
    activations = tokens * (3 * 4 * shape.width + element * (4 * shape.width + 2 * shape.ffn))
    return activations + kv_bytes(shape, tokens, element)
