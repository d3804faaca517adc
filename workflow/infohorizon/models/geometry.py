"""Sizes of a model: from its config.json to parameters, and to the bytes of tokens in a call. No torch."""

from collections.abc import Mapping, Sequence
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
    },
    "qwen2": {"vocab_size": 151936},
}


def decoder_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The decoder's part of a model's config.json (Qwen2-VL's and Qwen2.5-VL's are flat on the hub), with defaults."""
    text = config.get("text_config", config)
    return {**DECODER_DEFAULTS.get(text.get("model_type", ""), {}), **text}


@dataclass(frozen=True)
class Geometry:
    """What of a model sets its cost.

    Attributes:
        layers, width, ffn, kv_width, vocabulary: of the decoder; kv_width is key/value heads · head width.
        tower: parameters of the vision tower and of what leads from it to the decoder.
        patches: patches behind one visual token.
        cell: pixels of one visual token's side, where images keep their size; else None.
        square: visual tokens of every image, where all are resized to one square; else None.
        feature_width, key_width: values per visual token in the vision table.
        query_width: query heads · head width; None where it is the width.
        tied: whether embedding and head are one matrix.
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
    query_width: int | None = None
    tied: bool = False

    @property
    def attention_width(self) -> int:
        """Query heads · head width."""
        return self.query_width or self.width

    @property
    def parameters(self) -> int:
        """Of decoder, embedding, head and vision tower."""
        layer = 2 * self.width * (self.attention_width + self.kv_width) + 3 * self.width * self.ffn
        matrices = 1 if self.tied else 2
        return self.layers * layer + matrices * self.vocabulary * self.width + self.tower


def geometry(config: Mapping[str, Any]) -> Geometry:
    """Geometry from a config.json of one of the architectures in registry.py.

    Raises:
        KeyError: a size is missing.
    """
    text, vision = decoder_config(config), config["vision_config"]
    width, heads = text["hidden_size"], text["num_attention_heads"]
    head = text.get("head_dim") or width // heads
    qwen = "spatial_merge_size" in vision  # any image size; else one square
    d = vision.get("embed_dim") or vision["hidden_size"]  # Qwen2-VL's hidden_size is the decoder's width
    merge = vision["spatial_merge_size"] if qwen else round(1 / config.get("downsample_ratio", 1))
    patch, size = (_side(vision.get(key, 0)) for key in ("patch_size", "image_size"))
    joined = d * merge**2  # what the patches of a token are together
    mergers = 1 + len(vision.get("deepstack_visual_indexes", ()))
    inner = joined if qwen else width  # of the two layers that lead to the decoder
    return Geometry(
        text["num_hidden_layers"],
        width,
        text["intermediate_size"],
        text.get("num_key_value_heads", heads) * head,
        text["vocab_size"],
        tower=_tower(vision, d) + mergers * inner * (joined + width),
        patches=merge**2,
        cell=patch * merge if qwen else None,
        square=None if qwen else (size // patch // merge) ** 2,
        feature_width=mergers * width if qwen else joined,
        key_width=d // vision["num_heads" if qwen else "num_attention_heads"],
        query_width=heads * head,
        tied=config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)),
    )


def _side(size: int | Sequence[int]) -> int:
    """Of a square that is given by one side or by two."""
    return size if isinstance(size, int) else size[0]


def _tower(vision: Mapping[str, Any], width: int) -> int:
    """Parameters of the vision tower's layers; Qwen2.5-VL's have a gated FFN of three matrices."""
    layers = vision["depth" if "depth" in vision else "num_hidden_layers"]
    ffn = width * vision["mlp_ratio"] if "mlp_ratio" in vision else vision["intermediate_size"]
    matrices = 3 if "depth" in vision and not {"mlp_ratio", "deepstack_visual_indexes"} & vision.keys() else 2
    return layers * (4 * width * width + matrices * width * ffn)


def kv_bytes(shape: Geometry, tokens: float, element: int) -> float:
    """Bytes of the keys and values of so many tokens in all layers; `element` bytes a value."""
    return 2 * tokens * shape.kv_width * shape.layers * element


def batch_bytes(shape: Geometry, tokens: float, element: int) -> float:
    """Bytes of so many tokens in a decoder call: fp32 states, projections, FFN activations, and their cache."""
    projections = 2 * shape.width + 2 * shape.attention_width
    activations = tokens * (3 * 4 * shape.width + element * (projections + 2 * shape.ffn))
    return activations + kv_bytes(shape, tokens, element)
