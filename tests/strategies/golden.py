"""The golden cases: inputs of the authors' own selection functions, and what these returned for them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from array_view import ArrayView
from safetensors import safe_open
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

from infohorizon.engine.layers import ATTENTION
from infohorizon.engine.reading import projections
from infohorizon.engine.trace import attention_rows
from infohorizon.strategies import create
from infohorizon.strategies.base import Selection

GOLDEN_DIR = Path(os.environ.get("GOLDEN_DIR") or Path(__file__).parents[1] / "data" / "golden")


def cases(name: str) -> Iterator[tuple[dict, dict[str, torch.Tensor]]]:
    """Description and tensors of every case in a golden file."""
    with safe_open(GOLDEN_DIR / f"{name}.safetensors", "pt") as file:
        described = json.loads(file.metadata()["cases"])
        assert described
        for case in described:
            prefix = f"case{case['case']}."
            names = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118 (no dict)
            yield case, {key.removeprefix(prefix): file.get_tensor(key) for key in names}


def view(case: dict, **tensors) -> ArrayView:
    return ArrayView(case["visual_count"], case["text_count"], case["visual_start"], **tensors)


def select(name: str, shown: ArrayView, keep: int, **options) -> Selection:
    return create("golden", {"golden": {"strategy": name, **options}}).select(shown, keep)


def assert_kept(name: str, shown: ArrayView, case: dict, tensors: dict[str, torch.Tensor], **options) -> None:
    kept = select(name, shown, case["keep"], **options).kept
    assert kept.tolist() == sorted(tensors["kept"].tolist()), f"{name}, case {case['case']}"


def attention(case: dict, tensors: dict[str, torch.Tensor], rows: int, stage: str = "", rotary: bool = True):
    """The engine's attention of the last `rows` tokens over the whole sequence, (heads, rows, sequence).

    Computed from the recorded states that enter a layer and the weights of its norm, queries and keys (`stage` begins
    their names); the layer's other weights do not matter.
    """
    recorded = {name.removeprefix(stage): tensor for name, tensor in tensors.items() if name.startswith(stage)}
    hidden, biased = recorded["hidden"], "q_bias" in recorded
    config = LlamaConfig(
        vocab_size=1, hidden_size=hidden.shape[1], intermediate_size=1, num_hidden_layers=1,
        num_attention_heads=case["heads"], num_key_value_heads=case.get("key_value_heads", case["heads"]),
        head_dim=case["head_width"], rms_norm_eps=case["rms_eps"], rope_theta=float(case.get("rope_base", 10000)),
        attention_bias=biased,
    )  # fmt: skip
    config._attn_implementation = ATTENTION
    layer = LlamaDecoderLayer(config, 0)
    layer.input_layernorm.weight.data = recorded["input_norm_weight"]
    for name in ("q", "k"):
        projection = getattr(layer.self_attn, f"{name}_proj")
        projection.weight.data = recorded[f"{name}_weight"]
        if biased:
            projection.bias.data = recorded[f"{name}_bias"]
    places = torch.arange(len(hidden))
    cos, sin = LlamaRotaryEmbedding(config)(hidden[None], places[None])
    rope = (cos, sin) if rotary else (torch.ones_like(cos), torch.zeros_like(sin))
    queries, keys, scaling = projections(layer, hidden, rope)
    return attention_rows(queries[:, -rows:], keys, places[-rows:], scaling)
