"""Qwen2.5-VL (Qwen2_5_VLForConditionalGeneration): any image size, window attention, 2×2 merger, M-RoPE."""

import inspect
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from infohorizon.engine.layers import tapping
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.models.frame import Pixels
from infohorizon.models.grid import windows
from infohorizon.models.tower import attention_received, last_below

LONGEST = 200  # ratio of an image's sides


class Qwen25VL(VisionLanguageModel):
    """Settings: min_pixels and max_pixels bound the image's size and so the number of visual tokens."""

    model_type = "qwen2_5_vl"

    def setting_faults(self) -> Iterator[str]:
        tower = self.model.model.visual
        whole, depth = tower.fullatt_block_indexes, len(tower.blocks)
        if not whole or max(whole) >= depth:
            yield (
                f"`fullatt_block_indexes` of its vision tower is {list(whole)}, but saliency is read from such a "
                f"block, and the tower has {depth}"
            )

    def refusal(self, size: tuple[int, int]) -> str | None:
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
        """The whole image: the processor only changes its size."""
        return np.asarray(image.convert("RGB"), dtype=float).transpose(2, 0, 1)

    def own_inputs(self, image: Image.Image, ids: Tensor) -> dict[str, Tensor]:
        inputs = super().own_inputs(image, ids)
        if "mm_token_type_ids" in inspect.signature(self.model.forward).parameters:  # transformers 5
            inputs["mm_token_type_ids"] = (ids == self.image_token_id).int()
        return inputs

    def encode(self, images: Sequence[Image.Image]) -> list[Encoded]:
        return [self._encode(image) for image in images]

    @torch.inference_mode()
    def _encode(self, image: Image.Image) -> Encoded:
        tower = self.model.model.visual
        batch = self.processed([image])
        # Only some blocks let all patches see each other. Of those VScan reads the first and HiPrune the second of four
        # (of 32 blocks), and all selectors the last.
        whole, depth = sorted(tower.fullatt_block_indexes), len(tower.blocks)
        late, early, middle = whole[-1], last_below(whole, depth / 4), last_below(whole, depth / 2)
        received: dict[int, Tensor] = {}
        keys: dict[int, Tensor] = {}
        watched = {tower.blocks[block].attn: block for block in (late, early, middle)}

        def tap(module: nn.Module, query: Tensor, key: Tensor, scaling: float) -> None:
            if (block := watched.get(module)) is not None:
                received[block], keys[block] = attention_received(query, key, scaling)[0], key[0].float().mean(0)

        with tapping(tap):
            out = tower(
                batch["pixel_values"].to(self.device, self.dtype), grid_thw=batch["image_grid_thw"].to(self.device)
            )
        merged = out if isinstance(out, Tensor) else out.pooler_output
        merge = tower.spatial_merge_size
        _, height, width = batch["image_grid_thw"][0].tolist()
        grid = height // merge, width // merge
        # The tower works in window order, the patches of one merged token side by side; undo that order.
        back = torch.cat(windows(grid, tower.window_size // merge // tower.patch_size)).argsort().to(merged.device)

        def of_tokens(patches: Tensor) -> Tensor:
            return patches.unflatten(0, (-1, merge**2)).mean(1)[back]

        return Encoded(
            grid,
            merged,
            saliency=of_tokens(received[late]),
            early_saliency=of_tokens(received[early]),
            received=of_tokens(received[late]),
            middle_received=of_tokens(received[middle]),
            keys=of_tokens(keys[late]),
            frame=self.frame(image.size),
        )

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
