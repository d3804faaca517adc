"""An independent, slow reference: transformers' whole forward pass, one row, no cache, no reuse.

Nothing of the engine is used: tests and `make verify` compare the engine with it.

Tokens are dropped by forward pre-hooks on the decoder layers, images go in as pixels, M-RoPE positions are the model's
own, and attention is transformers' eager one (its SDPA in fp64, since eager takes its softmax in fp32).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import RepetitionPenaltyLogitsProcessor

from infohorizon.models.base import VisionLanguageModel


@dataclass
class Drop:
    """From the input of `layer` on, of the visual tokens only `kept` are left (deleted, or zeroed)."""

    layer: int
    kept: list[int]
    positions: str = "original"
    zero: bool = False


class Naive:
    """A transformers model and the inputs of one image with one question.

    Args:
        visual: indices of the visual tokens in the prompt; grid: their (rows, columns).
    """

    def __init__(self, model: Any, inputs: dict[str, Tensor], visual: Tensor, grid: tuple[int, int]) -> None:
        self.model, self.inputs, self.visual, self.grid = model, inputs, visual, grid
        self.language = model.model.language_model

    @torch.no_grad()
    def logits(self, ids: Sequence[int], drops: Sequence[Drop] = ()) -> Tensor:
        """Logits of the last token of the prompt extended by `ids`, (vocabulary,)."""
        inputs = dict(self.inputs)
        extra = torch.tensor([list(ids)], dtype=torch.long, device=self.model.device)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], extra], dim=1)
        length = inputs["input_ids"].shape[1]
        inputs["attention_mask"] = torch.ones(1, length, dtype=torch.long, device=extra.device)
        if "mm_token_type_ids" in inputs:
            zeros = torch.zeros_like(extra)
            inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], zeros], dim=1)
        present = torch.arange(length)
        hooks = []
        for number, layer in enumerate(self.language.layers):
            drop = next((d for d in drops if d.layer == number), None)
            hooks.append(layer.register_forward_pre_hook(self._hook(drop, drops, number, length), with_kwargs=True))
        self._present = present
        try:
            return self.model(**inputs, use_cache=False).logits[0, -1]
        finally:
            for hook in hooks:
                hook.remove()

    def _hook(self, drop: Drop | None, drops: Sequence[Drop], number: int, length: int) -> Any:
        def hook(_: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
            hidden = args[0] if args else kwargs.pop("hidden_states")
            if drop is not None:
                first, count = int(self.visual[0]), len(self.visual)
                stay = {first + i for i in drop.kept}
                index = [i for i in self._present.tolist() if not first <= i < first + count or i in stay]
                if drop.zero:
                    gone = [i for i in range(length) if first <= i < first + count and i not in stay]
                    hidden = hidden.clone()
                    hidden[:, gone] = 0
                else:
                    rows = [self._present.tolist().index(i) for i in index]
                    hidden = hidden[:, rows]
                    self._present = torch.tensor(index)
            done = [d for d in drops if d.layer <= number and not d.zero]
            if done:
                cos, sin = kwargs["position_embeddings"]
                if done[-1].positions == "original":
                    cos, sin = cos[..., self._present, :], sin[..., self._present, :]
                else:
                    ids = torch.arange(len(self._present), device=hidden.device)[None]
                    ids = ids.expand(3, 1, -1) if "mm_token_type_ids" in self.inputs else ids
                    cos, sin = self.language.rotary_emb(hidden, ids)
                kwargs["position_embeddings"] = (cos, sin)
            n = hidden.shape[1]
            least = torch.finfo(hidden.dtype).min
            kwargs["attention_mask"] = hidden.new_full((n, n), least).triu(1)[None, None]
            return (hidden, *args[1:]), kwargs

        return hook

    @classmethod
    def of(cls, model: VisionLanguageModel, reference: Any, image: Image.Image, question: str) -> "Naive":
        """The reference for a question about an image.

        Args:
            model: gives the prompt's token ids and the processor's settings, nothing else.
            reference: a transformers model of its own, loaded with `attn_implementation="eager"` or "sdpa".
        """
        inputs = dict(model.image_processor([model.prepared(image)], return_tensors="pt", **model.pixel_limits))
        inputs["pixel_values"] = inputs["pixel_values"].to(reference.dtype)
        ids = model.token_ids(question)
        start = ids.index(model.image_token_id)
        if "image_grid_thw" in inputs:
            merge = reference.config.vision_config.spatial_merge_size
            _, height, width = inputs["image_grid_thw"][0].tolist()
            grid = height // merge, width // merge
        else:
            config = reference.config
            side = config.vision_config.image_size // config.vision_config.patch_size
            grid = side, side
        count = grid[0] * grid[1]
        ids = ids[:start] + [model.image_token_id] * count + ids[start + 1 :]
        inputs["input_ids"] = torch.tensor([ids])
        if "image_grid_thw" in inputs:
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.image_token_id).int()
        inputs = {name: value.to(reference.device) for name, value in inputs.items()}
        return cls(reference, inputs, torch.arange(start, start + count), grid)

    def probabilities(self, drops: Sequence[Drop] = (), ids: Sequence[int] = ()) -> Tensor:
        return self.logits(ids, drops).softmax(-1)

    def greedy(
        self, steps: int, drops: Sequence[Drop] = (), stop: Sequence[int] = (), penalty: float = 1.0
    ) -> list[int]:
        """Greedy answer with transformers' repetition penalty, recomputing everything at each step."""
        ids: list[int] = []
        penalise = RepetitionPenaltyLogitsProcessor(penalty)
        prompt = self.inputs["input_ids"]
        for _ in range(steps):
            so_far = torch.cat([prompt, torch.tensor([ids], dtype=torch.long, device=prompt.device)], dim=1)
            token = int(penalise(so_far, self.logits(ids, drops)[None])[0].argmax())
            if token in stop:
                break
            ids.append(token)
        return ids
