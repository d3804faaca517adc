"""Sizes of a model: from its config.json to parameters, and to the bytes of tokens in a call. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What a config.json leaves out where it is transformers' default: the hub's LLaVA-1.5-7B does not say how deep it is.
DECODER_DEFAULTS: dict[str, dict[str, int]] = {
    "llama": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32000,
    }
}


def decoder_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The decoder's part of a model's config.json (Qwen2.5-VL's on the hub is flat), defaults filled in."""
    text = config.get("text_config", config)
    return {**DECODER_DEFAULTS.get(text.get("model_type", ""), {}), **text}


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


def kv_bytes(shape: Geometry, tokens: float, element: int) -> float:
    """Bytes of the keys and values of so many tokens in all layers; `element` bytes a value."""
    return 2 * tokens * shape.kv_width * shape.layers * element


def batch_bytes(shape: Geometry, tokens: float, element: int) -> float:
    """Bytes of so many tokens in a decoder call: fp32 states, projections, FFN activations, and their cache."""
    activations = tokens * (3 * 4 * shape.width + element * (4 * shape.width + 2 * shape.ffn))
    return activations + kv_bytes(shape, tokens, element)
