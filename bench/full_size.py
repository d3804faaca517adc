"""Models of 7B parameters without weights, on the meta device; their texts are as long as a workload says."""

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from meter import Meter
from torch import Tensor
from transformers import AutoConfig, AutoModelForImageTextToText

from infohorizon.engine.layers import ATTENTION
from infohorizon.models.llava import Llava
from infohorizon.models.qwen2_5_vl import Qwen25VL
from infohorizon.study.catalogue import MODELS
from infohorizon.study.cost import PREFIX
from infohorizon.study.workload import Workload

IMAGE = 1  # the image token's id
CLASSES = {"llava": Llava, "qwen2_5_vl": Qwen25VL}
# What decides which kernels run, and is no part of the catalogue: the decoder's class and M-RoPE's sections.
PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "llava": ({"model_type": "llama"}, {"model_type": "clip_vision_model"}),
    "qwen2_5_vl": (
        {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]}},
        {"fullatt_block_indexes": [7, 15, 23, 31], "window_size": 112, "out_hidden_size": 3584},
    ),
}


def grid_of(tokens: int) -> tuple[int, int]:
    """Rows and columns of about so many visual tokens: a square where they fill one, else 3 to 4."""
    side = math.isqrt(tokens)
    if side * side == tokens:
        return side, side
    rows = max(1, round(math.sqrt(tokens * 3 / 4)))
    return rows, max(1, round(tokens / rows))


class Sized:
    """What a model of full size lacks without files: a tokenizer and an image processor. Texts are their lengths."""

    load_of_question: Workload
    frame = staticmethod(lambda size: (0.0, 0.0, 1.0, 1.0))
    stop_ids: Sequence[int] = (2,)
    image_token_id = IMAGE

    def token_ids(self, question: str, answer: str = "") -> list[int]:
        return [0] * PREFIX + [IMAGE] + [0] * self.load_of_question.size.text

    def label_ids(self, label: str, question: str = "") -> list[int]:
        return [3] * label_tokens(self.load_of_question)

    def answer_text(self, ids: Sequence[int]) -> str:
        return ""

    def processed(self, images: Any) -> dict[str, Tensor]:
        rows, columns = grid_of(self.load_of_question.tokens)
        vision = self.model.config.vision_config  # type: ignore[attr-defined]
        if isinstance(self, Llava):
            return {"pixel_values": torch.zeros(1, 3, vision.image_size, vision.image_size)}
        merge = vision.spatial_merge_size
        pixels = torch.zeros(rows * columns * merge**2, 3 * vision.temporal_patch_size * vision.patch_size**2)
        return {"pixel_values": pixels, "image_grid_thw": torch.tensor([[1, rows * merge, columns * merge]])}


def label_tokens(load: Workload) -> int:
    """Of a label: what a model writes, without the end of sequence."""
    return max(1, load.size.answer - 1)


def full_size(source: str, dtype: str, settings: dict[str, Any]) -> Any:
    """The model of a hub id on the meta device."""
    known = deepcopy(MODELS[source])
    kind = known.pop("model_type")
    for part, more in zip(("text_config", "vision_config"), PARTS[kind], strict=True):
        known[part] |= more
    config = AutoConfig.for_model(kind, **known)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(
            config, attn_implementation=ATTENTION, dtype=getattr(torch, dtype)
        )
    cls = type("Full" + CLASSES[kind].__name__, (Sized, CLASSES[kind]), {})
    return cls(model, None, None, settings)


def naming_parts(model: Any, meter: Meter) -> None:
    """The meter learns which part of a decoder layer runs."""

    def name(module: Any, part: str) -> None:
        def enter(*_: Any) -> None:
            before.append(meter.part)
            meter.part = part

        def leave(*_: Any) -> None:
            meter.part = before.pop()

        before: list[str] = []
        module.register_forward_pre_hook(enter, prepend=True)
        module.register_forward_hook(leave)

    for layer in model.language_model.layers:
        name(layer, "layer")
        name(layer.self_attn, "attention")
        name(layer.mlp, "FFN")
        for norm in (layer.input_layernorm, layer.post_attention_layernorm):
            name(norm, "norm")
