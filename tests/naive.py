"""An independent, slow reference: the model's whole forward pass, one row, no cache, no reuse.

Tokens are dropped by forward pre-hooks on the decoder layers, images go in as pixels, M-RoPE positions are the model's
own, and attention is transformers' eager one (its SDPA in fp64, since eager takes its softmax in fp32).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class Drop:
    """From the input of `layer` on, of the visual tokens only `kept` are left (deleted, or zeroed)."""

    layer: int
    kept: list[int]
    positions: str = "original"
    zero: bool = False


class Naive:
    """A transformers model and the inputs of one image with one question."""

    def __init__(self, model: Any, inputs: dict[str, Tensor], visual: Tensor) -> None:
        self.model, self.inputs, self.visual = model, inputs, visual
        self.language = model.model.language_model

    @torch.no_grad()
    def logits(self, ids: list[int], drops: list[Drop] = ()) -> Tensor:
        """Logits of the last token of the prompt extended by `ids`, (vocabulary,)."""
        inputs = dict(self.inputs)
        extra = torch.tensor([ids], dtype=torch.long)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], extra], dim=1)
        length = inputs["input_ids"].shape[1]
        inputs["attention_mask"] = torch.ones(1, length, dtype=torch.long)
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

    def _hook(self, drop: Drop | None, drops: list[Drop], number: int, length: int) -> Any:
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
                    ids = torch.arange(len(self._present))[None]
                    ids = ids.expand(3, 1, -1) if "mm_token_type_ids" in self.inputs else ids
                    cos, sin = self.language.rotary_emb(hidden, ids)
                kwargs["position_embeddings"] = (cos, sin)
            n = hidden.shape[1]
            kwargs["attention_mask"] = torch.full((n, n), torch.finfo(hidden.dtype).min, dtype=hidden.dtype).triu(1)[
                None, None
            ]
            return (hidden, *args[1:]), kwargs

        return hook

    def probabilities(self, drops: list[Drop] = (), ids: list[int] = ()) -> Tensor:
        return self.logits(list(ids), drops).softmax(-1)

    def greedy(self, steps: int, drops: list[Drop] = (), stop: list[int] = ()) -> list[int]:
        """Greedy answer, recomputing everything at each step."""
        ids: list[int] = []
        for _ in range(steps):
            token = int(self.logits(ids, drops).argmax())
            if token in stop:
                break
            ids.append(token)
        return ids
