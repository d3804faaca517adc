"""Qwen2-VL (Qwen2VLForConditionalGeneration): any image size, 2×2 merger, M-RoPE. Qwen2.5-VL and Qwen3-VL follow it."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from infohorizon.engine.layers import tapping
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.models.frame import Pixels
from infohorizon.models.tower import last_below, watching

LONGEST = 200  # ratio of an image's sides


class Qwen2VL(VisionLanguageModel):
    """Settings: min_pixels and max_pixels bound the image's size and so the number of visual tokens."""

    model_type = "qwen2_vl"

    def refusal(self, size: tuple[int, int]) -> str | None:
        size = self.prepared_size(size)
        if max(size) > LONGEST * min(size):
            return (
                f"one side is more than {LONGEST} times the other, which the image processor refuses: remove or pad it"
            )
        return None

    def processed(self, images: Sequence[Image.Image]) -> Mapping[str, Tensor]:
        prepared = [self.prepared(image) for image in images]
        return self.image_processor(prepared, return_tensors="pt", **self.pixel_limits)

    def tokens(self, size: tuple[int, int]) -> int:
        width, height = self.prepared_size(size)
        patches = self.image_processor.get_number_of_image_patches(height, width, self.pixel_limits)
        return int(patches) // self.model.config.vision_config.spatial_merge_size**2

    def seen(self, image: Image.Image) -> Pixels:
        """All that the processor is given: it only changes its size."""
        return np.asarray(self.prepared(image), dtype=float).transpose(2, 0, 1)

    def own_inputs(self, image: Image.Image, ids: Tensor) -> dict[str, Tensor]:
        inputs = super().own_inputs(image, ids)
        if "mm_token_type_ids" in inspect.signature(self.model.forward).parameters:  # transformers 5
            inputs["mm_token_type_ids"] = (ids == self.image_token_id).int()
        return inputs

    @property
    def _whole(self) -> list[int]:
        """The tower's blocks in which all patches see each other, ascending."""
        return list(range(len(self.model.model.visual.blocks)))

    def _features(self, out: Any) -> Tensor:
        """What the tower gives → (N, f), one row a visual token, in the tower's order."""
        return out if isinstance(out, Tensor) else out.pooler_output

    def _reading_order(self, grid: tuple[int, int]) -> Tensor:
        """Where the tower's attention has each merged token's patches: index in reading order → index there."""
        return torch.arange(grid[0] * grid[1])

    def encode(self, images: Sequence[Image.Image]) -> list[Encoded]:
        return [self._encode(image) for image in images]

    @torch.inference_mode()
    def _encode(self, image: Image.Image) -> Encoded:
        blocks, tower, batch = self._whole, self.model.model.visual, self.processed([image])
        # Of Qwen2.5-VL's four such blocks VScan reads the first and HiPrune the second, and all selectors the last.
        chosen = blocks[-1], *(last_below(blocks, len(tower.blocks) * share) for share in (1 / 4, 1 / 2))
        late, early, middle = (tower.blocks[block].attn for block in chosen)
        tap, seen = watching(late, early, middle, class_token=False)
        with tapping(tap):
            out = tower(
                batch["pixel_values"].to(self.device, self.dtype), grid_thw=batch["image_grid_thw"].to(self.device)
            )
        features, merge = self._features(out), tower.spatial_merge_size
        _, height, width = batch["image_grid_thw"][0].tolist()
        grid = height // merge, width // merge
        # The patches of one merged token stand side by side.
        order = self._reading_order(grid).to(features.device)
        of_tokens = {name: patches[0].unflatten(0, (-1, merge**2)).mean(1)[order] for name, patches in seen.items()}
        return Encoded(grid, features, **of_tokens, frame=self.frame(image.size))

    def visual_embeddings(self, features: Tensor) -> Tensor:
        return features

    def positions(self, length: int, start: int, grid: tuple[int, int]) -> Tensor:
        """M-RoPE: (time, row, column) per token; text has three equal ids and continues after the larger grid side."""
        rows, columns = grid
        before = torch.arange(start).expand(3, -1)
        row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        visual = start + torch.stack([torch.zeros_like(row), row, column]).flatten(1)
        after = start + max(grid) + torch.arange(length - start - rows * columns)
        return torch.cat([before, visual, after.expand(3, -1)], dim=1)
