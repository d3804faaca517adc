"""An independent, slow reference: transformers' whole forward pass, one row, no cache, no reuse.

Nothing of the engine is used: tests and `make verify` compare the engine with it.

Information is taken away by forward pre-hooks on the decoder layers, which cut or overwrite hidden states and give
every layer an explicit mask; images go in as pixels, M-RoPE positions are the model's own, and attention is
transformers' eager one (its SDPA in fp64, since eager takes its softmax in fp32).
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
    """From the input of `layer` on, of the visual tokens only `kept` are left as they are.

    Attributes:
        removal: what becomes of the others. delete: cut out; zero: set to zero once; mean: overwritten at every layer
            by the mean of the unpruned run's visual states; knockout: masked from everything after the image; text:
            cut out, and with them the text between the image and the last token of the prompt.
        positions: of what is left after cutting.
    """

    layer: int
    kept: list[int]
    positions: str = "original"
    removal: str = "delete"


class Naive:
    """A transformers model and the inputs of one image with one question.

    Args:
        visual: indices of the visual tokens in the prompt; grid: their (rows, columns).
    """

    def __init__(self, model: Any, inputs: dict[str, Tensor], visual: Tensor, grid: tuple[int, int]) -> None:
        self.model, self.inputs, self.visual, self.grid = model, inputs, visual, grid
        self.language = model.model.language_model

    def logits(self, ids: Sequence[int], drops: Sequence[Drop] = ()) -> Tensor:
        """Logits of the last token of the prompt extended by `ids`, (vocabulary,)."""
        self._means: list[Tensor] = []  # of the visual states entering each layer
        if any(drop.removal == "mean" for drop in drops):
            self._forward(ids, ())
        return self._forward(ids, drops)

    @torch.no_grad()
    def _forward(self, ids: Sequence[int], drops: Sequence[Drop]) -> Tensor:
        inputs = dict(self.inputs)
        extra = torch.tensor([list(ids)], dtype=torch.long, device=self.model.device)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], extra], dim=1)
        length = inputs["input_ids"].shape[1]
        inputs["attention_mask"] = torch.ones(1, length, dtype=torch.long, device=extra.device)
        if "mm_token_type_ids" in inputs:
            zeros = torch.zeros_like(extra)
            inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], zeros], dim=1)
        self._present = torch.arange(length)  # the tokens of the sequence, as it now is
        if drops and hasattr(self.language, "_deepstack_process"):
            self.language._deepstack_process = self._deepstack(drops)
        hooks = [
            layer.register_forward_pre_hook(self._hook(drops, number), with_kwargs=True)
            for number, layer in enumerate(self.language.layers)
        ]
        try:
            return self.model(**inputs, use_cache=False).logits[0, -1]
        finally:
            for hook in hooks:
                hook.remove()
            self.language.__dict__.pop("_deepstack_process", None)

    def _deepstack(self, drops: Sequence[Drop]) -> Any:
        """Qwen3-VL's addition of vision features, to the tokens that are left and not zeroed, one by one."""
        visual = self.visual.tolist()

        def add(hidden: Tensor, _: Tensor, features: Tensor) -> Tensor:
            zeroed = [drop for drop in drops if drop.layer <= self._number and drop.removal == "zero"]
            without = {index for drop in zeroed for index in self._others(drop)}
            hidden = hidden.clone()
            for row, index in enumerate(self._present.tolist()):
                if index in visual and index not in without:
                    hidden[:, row] += features[visual.index(index)]
            return hidden

        return add

    def _hook(self, drops: Sequence[Drop], number: int) -> Any:
        def hook(_: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
            hidden = args[0] if args else kwargs.pop("hidden_states")
            self._number = number
            if not drops:
                self._means.append(hidden[0, self.visual].mean(dim=0))
            active = [drop for drop in drops if drop.layer <= number]
            for drop in active:
                hidden = self._taken_away(hidden, drop, number)
            cut = [drop for drop in active if drop.removal in ("delete", "text")]
            if cut:
                kwargs["position_embeddings"] = self._rotary(hidden, kwargs["position_embeddings"], cut[-1].positions)
            kwargs["attention_mask"] = self._mask(hidden, active)
            return (hidden, *args[1:]), kwargs

        return hook

    def _others(self, drop: Drop) -> list[int]:
        """Indices in the whole sequence of the visual tokens that a drop does not keep."""
        return [index for i, index in enumerate(self.visual.tolist()) if i not in set(drop.kept)]

    def _taken_away(self, hidden: Tensor, drop: Drop, number: int) -> Tensor:
        """The states entering layer `number` after a drop that has begun."""
        others = self._others(drop)
        if drop.removal in ("zero", "mean"):
            if drop.removal == "mean" or drop.layer == number:
                hidden = hidden.clone()
                hidden[:, others] = 0 if drop.removal == "zero" else self._means[number]
        elif drop.removal != "knockout" and drop.layer == number:
            last = self.inputs["input_ids"].shape[1] - 1
            text = range(int(self.visual[-1]) + 1, last) if drop.removal == "text" else ()
            rows = [row for row, i in enumerate(self._present.tolist()) if i not in {*others, *text}]
            hidden, self._present = hidden[:, rows], self._present[rows]
        return hidden

    def _rotary(self, hidden: Tensor, whole: tuple[Tensor, Tensor], positions: str) -> tuple[Tensor, Tensor]:
        """cos and sin of what is left, from those of the whole sequence or recomputed."""
        if positions == "original":
            return whole[0][..., self._present, :], whole[1][..., self._present, :]
        ids = torch.arange(len(self._present), device=hidden.device)[None]
        return self.language.rotary_emb(hidden, ids.expand(3, 1, -1) if "mm_token_type_ids" in self.inputs else ids)

    def _mask(self, hidden: Tensor, active: Sequence[Drop]) -> Tensor:
        """What is added to attention scores, (1, 1, n, n): causality, and knocked-out pairs."""
        n, least = hidden.shape[1], torch.finfo(hidden.dtype).min
        mask = hidden.new_full((n, n), least).triu(1)
        for drop in active:
            if drop.removal == "knockout":
                after = self._present > self.visual[-1].cpu()
                masked = torch.isin(self._present, torch.tensor(self._others(drop), dtype=torch.long))
                mask[(after[:, None] & masked[None]).to(mask.device)] = least
        return mask[None, None]

    @classmethod
    def of(cls, model: VisionLanguageModel, reference: Any, image: Image.Image, question: str) -> "Naive":
        """The reference for a question about an image.

        Args:
            model: gives the prompt's token ids and the processor's settings, nothing else.
            reference: a transformers model of its own, loaded with `attn_implementation="eager"` or "sdpa".
        """
        inputs = dict(model.processed([image]))
        inputs["pixel_values"] = inputs["pixel_values"].to(reference.dtype)
        ids = model.token_ids(question)
        start = ids.index(model.image_token_id)
        if "image_grid_thw" in inputs:
            merge = reference.config.vision_config.spatial_merge_size
            _, height, width = inputs["image_grid_thw"][0].tolist()
            grid = height // merge, width // merge
        else:
            config, vision = reference.config, reference.config.vision_config
            size, patch = (v[0] if isinstance(v, (list, tuple)) else v for v in (vision.image_size, vision.patch_size))
            side = int(size // patch * getattr(config, "downsample_ratio", 1))  # InternVL merges patches
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
