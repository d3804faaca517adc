"""Qwen3-VL (Qwen3VLForConditionalGeneration): Qwen2-VL with interleaved M-RoPE and DeepStack.

DeepStack (Meng et al., arXiv 2406.04334): features of several blocks of the vision tower are added to the visual tokens
after the first decoder layers. They are cached side by side: what enters the decoder, then what is added after layer 0,
layer 1, …
"""

from typing import Any

import torch
from torch import Tensor

from infohorizon.models.qwen2_vl import Qwen2VL


class Qwen3VL(Qwen2VL):
    """The interleaving of M-RoPE is the rotary embedding's own: position ids are Qwen2-VL's."""

    model_type = "qwen3_vl"

    def _features(self, out: Any) -> Tensor:
        # transformers 4.57 gives a pair
        merged, deep = out if isinstance(out, tuple) else (out.pooler_output, out.deepstack_features)
        return torch.cat([merged, *deep], dim=-1)

    def visual_embeddings(self, features: Tensor) -> Tensor:
        return features[:, : self.language_model.width]

    def additions(self, features: Tensor) -> list[Tensor]:
        return list(features.split(self.language_model.width, dim=-1))[1:]
