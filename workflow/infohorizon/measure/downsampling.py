"""The image at lower resolution instead of pruning: the control that costs no method at all.

What it does to the number of visual tokens depends on the model. Where that follows the image's size (Qwen2-VL,
Qwen2.5-VL, Qwen3-VL), the image is resized to the grid that has about the wanted number. Where it is fixed (LLaVA,
InternVL with one tile), the image is shrunk until the model sees of it the pixels that so many tokens would cover, and
enlarged to its own size again: detail goes, the tokens stay.
"""

import math
from copy import copy
from itertools import product
from typing import NamedTuple

from PIL import Image

from infohorizon.engine import Batch
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.models.geometry import geometry
from infohorizon.units import tokens_of

Grid = tuple[int, int]


class Downsampled(NamedTuple):
    """An image at lower resolution, encoded; `size`: (width, height) in pixels of what it was resized to."""

    encoded: Encoded
    size: tuple[int, int]


def downsample(
    model: VisionLanguageModel, image: Image.Image, grid: Grid, keep: int | float, batch: Batch | None = None
) -> Downsampled:
    """Encode an image with as many pixels as `keep` of its visual tokens cover.

    Args:
        image: upright and RGB.
        grid: (rows, columns) of its visual tokens at full resolution.
        keep: a number of tokens, or a fraction of them; an image that would keep all of them is left as it is.
        batch: what frees memory and tries again where there is too little.
    """
    count, cell = grid[0] * grid[1], geometry(model.model.config.to_dict()).cell
    wanted = tokens_of(keep, count)
    if wanted == count:
        return Downsampled(_encoded(model, image, batch), image.size)
    if cell is None:
        size = blurred_size(model, image, wanted / count)
    else:
        rows, columns = smaller_grid(grid, wanted)
        size = columns * cell, rows * cell
    model, lower = lowered(model, image, size)
    return Downsampled(_encoded(model, lower, batch), size)


def _encoded(model: VisionLanguageModel, image: Image.Image, batch: Batch | None) -> Encoded:
    return (model.encoded([image], batch) if batch else model.encode([image]))[0]


def lowered(
    model: VisionLanguageModel, image: Image.Image, size: tuple[int, int]
) -> tuple[VisionLanguageModel, Image.Image]:
    """A model and the image that it is shown where an image is brought down to `size`, (width, height).

    Where any size will do the model's image processor keeps that one, even below the protocol's least size.
    """
    if geometry(model.model.config.to_dict()).cell is None:
        return model, image.resize(size, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)
    pixels = size[0] * size[1]
    twin = copy(model)
    twin.settings = {**model.settings, "image": "processor", "min_pixels": pixels, "max_pixels": pixels}
    return twin, model.prepared(image).resize(size, Image.Resampling.BICUBIC)


def smaller_grid(grid: Grid, wanted: int) -> Grid:
    """A grid of about `wanted` tokens in the shape of `grid`, which has more.

    Of the grids whose sides are those of that shape, rounded up or down, the one with the nearest number; of equals the
    one with the nearest shape.
    """
    rows, columns = grid
    tall = min(max(rows * math.sqrt(wanted / (rows * columns)), 1.0), wanted)
    wide = wanted / tall

    def distance(one: Grid) -> tuple[int, float]:
        return abs(one[0] * one[1] - wanted), abs(math.log(one[0] * wide / (one[1] * tall)))

    heights, widths = (range(math.floor(side), math.ceil(side) + 1) for side in (tall, wide))
    return min(product(heights, widths), key=distance)


def blurred_size(model: VisionLanguageModel, image: Image.Image, share: float) -> tuple[int, int]:
    """(width, height) to which an image is shrunk so that the model sees this share of the pixels that it takes in.

    What the model sees of an image is its frame; a small image that holds no more pixels keeps its size.
    """
    height, width = model.seen(image).shape[1:]
    left, top, right, bottom = model.frame(image.size)
    scale = math.sqrt(share)
    wide, tall = image.width * scale * width / (right - left), image.height * scale * height / (bottom - top)
    return min(image.width, max(1, round(wide))), min(image.height, max(1, round(tall)))
