"""A model's twin: the same weights in modules of their own, whose attention shows its queries and keys.

The model that generates keeps its own attention kernels and is not touched. What a strategy reads beside hidden states
and cached keys is computed by the twin: queries of the rows that are asked for, and the vision tower's attention, for
which the tower runs once more (only where a strategy reads it).
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from itertools import chain
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from infohorizon.engine.layers import ATTENTION
from infohorizon.engine.reading import Projections, projections
from infohorizon.errors import UserError
from infohorizon.models.architectures import architecture_of
from infohorizon.models.base import Encoded


class Twin:
    """The twin of a transformers model, which shares all its tensors.

    Args:
        model: a vision-language model of an architecture that this project has a file for.
    """

    def __init__(self, model: Any) -> None:
        shared: dict[int, Any] = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
        self.model = deepcopy(model, shared)
        self.model.set_attn_implementation(ATTENTION)
        self.layers = self.model.model.language_model.layers

    def queries_and_keys(self, layer: int, states: Tensor, rope: tuple[Tensor, Tensor]) -> Projections:
        """Post-RoPE queries and keys of tokens that enter a layer; nothing but their projections is computed.

        Args:
            states: (tokens, d); rope: cos and sin, (…, 1, tokens, head width).
        """
        return projections(self.layers[layer], states, rope)

    @cached_property
    def reader(self) -> Any:
        """An object of the architecture's class that encodes images which the caller has already processed."""
        cls = architecture_of(self.model.config.model_type)

        class Reader(cls):  # type: ignore[misc, valid-type]
            frame = staticmethod(lambda size: None)

            def __init__(self, model: Any) -> None:
                self.model = model
                self.language_model = SimpleNamespace(width=model.lm_head.weight.shape[1])
                self.device, self.dtype = model.lm_head.weight.device, model.lm_head.weight.dtype

            def processed(self, images: Sequence["Image"]) -> Mapping[str, Tensor]:
                (image,) = images
                return image.inputs

        return Reader(self.model)

    def projected(self, features: Tensor) -> Tensor:
        """What enters the language model for vision features (tokens, feature width), (tokens, d)."""
        return self.reader.visual_embeddings(features.to(self.reader.device, self.reader.dtype))


class Image:
    """One image of a call, as strategies read it: `grid` at once, the rest of `Encoded` when it is asked for.

    Args:
        inputs: what the model's image processor made of it.
        count: visual tokens.
    Raises:
        UserError: it is a video.
    """

    size = (0, 0)

    def __init__(self, twin: Twin, inputs: dict[str, Tensor], count: int) -> None:
        self.twin, self.inputs = twin, inputs
        side = round(count**0.5)
        self.grid = side, side
        if "image_grid_thw" in inputs:
            merge = twin.model.config.vision_config.spatial_merge_size
            frames, height, width = inputs["image_grid_thw"][0].tolist()
            if frames != 1:
                raise UserError("prune takes images, not videos.")
            self.grid = height // merge, width // merge

    @cached_property
    def encoded(self) -> Encoded:
        return self.twin.reader.encode([self])[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in Encoded.__dataclass_fields__:
            raise AttributeError(name)
        return getattr(self.encoded, name)


def images_of(twin: Twin, inputs: Mapping[str, Any], counts: Sequence[int]) -> list[Image]:
    """The images of a call, one for each row that has visual tokens.

    Args:
        inputs: what generate is given.
        counts: visual tokens of these rows.
    Raises:
        UserError: there are more or fewer images than such rows.
    """
    pixels, grids = inputs.get("pixel_values"), inputs.get("image_grid_thw")
    found = 0 if pixels is None else len(pixels) if grids is None else len(grids)
    if found != len(counts):
        raise UserError(
            f"prune takes one image per prompt, but {len(counts)} prompts with an image come with {found} images."
        )
    if pixels is None:
        return []
    if grids is None:
        return [Image(twin, {"pixel_values": own[None]}, count) for own, count in zip(pixels, counts, strict=True)]
    parts = pixels.split(grids.prod(dim=1).tolist())
    return [
        Image(twin, {"pixel_values": own, "image_grid_thw": grid[None]}, count)
        for own, grid, count in zip(parts, grids, counts, strict=True)
    ]


def bytes_of(inputs: Mapping[str, Tensor]) -> bytes:
    """The bytes of an image's pixels."""
    return inputs["pixel_values"].detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
