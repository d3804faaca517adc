"""Which part of an image the grid of visual tokens covers, however its processor crops, squashes or pads."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.floating]
INSIDE = 0.98  # of full blue: less is padding, or an edge that padding has mixed into
EDGE = 0.02  # of a side, where a filter that reaches over the image's edge bends the ramp


class Frame(NamedTuple):
    """The edges of the grid of visual tokens, in pixels of the upright image; what lies beyond the image is padding."""

    left: float
    top: float
    right: float
    bottom: float


class FrameReader:
    """Reads frames off what a processor makes of a picture of coordinates: none of its settings has to be understood.

    Red rises from left to right, green from top to bottom, blue is full: the pixels that come out say where they come
    from, and those that are not blue are padding.

    Args:
        process: an RGB image → pixel values (3, height, width) as the vision tower takes them, normalised in any way.
    """

    def __init__(self, process: Callable[[Image.Image], Pixels]) -> None:
        self._process, self._frames = process, dict[tuple[int, int], Frame]()
        self._black, white = (_middle(process(Image.new("RGB", (32, 32), name))) for name in ("black", "white"))
        self._range = white - self._black

    def __call__(self, size: tuple[int, int]) -> Frame:
        """The frame of images of (width, height) pixels."""
        if size not in self._frames:
            self._frames[size] = self._read(*size)
        return self._frames[size]

    def _read(self, width: int, height: int) -> Frame:
        ramp = np.full((height, width, 3), 255, dtype=np.uint8)
        ramp[..., 0] = np.rint((np.arange(width) + 0.5) / width * 255)
        ramp[..., 1] = np.rint((np.arange(height) + 0.5) / height * 255)[:, None]
        across, down, blue = (self._process(Image.fromarray(ramp)) - self._black) / self._range
        padding = blue < INSIDE
        left, right = _edges(np.ma.array(across, mask=padding).mean(axis=0).filled(np.nan))
        top, bottom = _edges(np.ma.array(down, mask=padding).mean(axis=1).filled(np.nan))
        return Frame(left * width, top * height, right * width, bottom * height)


def _middle(pixels: Pixels) -> Pixels:
    """The middle pixel's three values, (3, 1, 1)."""
    return pixels[:, pixels.shape[1] // 2, pixels.shape[2] // 2, None, None]


def _edges(shares: Pixels) -> tuple[float, float]:
    """Where a row of pixels begins and ends, from the share of the image's side that each pixel stands at (NaN: none).

    A line is fitted; a side of a single pixel says nothing and counts as whole.
    """
    known = np.isfinite(shares) & (shares > EDGE) & (shares < 1 - EDGE)
    places = np.arange(len(shares)) + 0.5
    if known.sum() < 2 or np.ptp(shares[known]) < EDGE:
        return 0.0, 1.0
    slope, start = np.polyfit(places[known], shares[known], 1)
    return round(float(start), 4), round(float(start + slope * len(shares)), 4)
