"""Qwen2.5-VL (Qwen2_5_VLForConditionalGeneration): Qwen2-VL with window attention in its vision tower."""

from collections.abc import Iterator

import torch
from torch import Tensor

from infohorizon.models.grid import windows
from infohorizon.models.qwen2_vl import Qwen2VL


class Qwen25VL(Qwen2VL):
    """Only some blocks of the tower let all patches see each other; attention is read from these."""

    model_type = "qwen2_5_vl"

    def setting_faults(self) -> Iterator[str]:
        tower = self.model.model.visual
        whole, depth = tower.fullatt_block_indexes, len(tower.blocks)
        if not whole or max(whole) >= depth:
            yield (
                f"`fullatt_block_indexes` of its vision tower is {list(whole)}, but saliency is read from such a "
                f"block, and the tower has {depth}"
            )

    @property
    def _whole(self) -> list[int]:
        return sorted(self.model.model.visual.fullatt_block_indexes)

    def _reading_order(self, grid: tuple[int, int]) -> Tensor:
        """The tower works in window order."""
        tower = self.model.model.visual
        side = tower.window_size // tower.spatial_merge_size // tower.patch_size
        return torch.cat(windows(grid, side)).argsort()
