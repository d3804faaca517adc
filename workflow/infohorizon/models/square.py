"""What of an image a square token grid covers: all of it with a margin, or its centre. No torch."""

from collections.abc import Sequence
from typing import Literal

from PIL import Image

Square = Literal["pad", "crop", "processor"]
GREY = (122, 116, 104)
"""The mean colour of CLIP's image processor, 255 · (0.481, 0.458, 0.408) cut off: what LLaVA-1.5 pads with."""


def squared(image: Image.Image, how: Square, colour: Sequence[int] = GREY) -> Image.Image:
    """An RGB image as a protocol hands it to the image processor.

    Args:
        how: pad to a square whose margins have `colour` (as LLaVA's `image_aspect_ratio: pad`: the image in the middle,
            rounded up and left), crop the centre square, or leave it to the processor.
    """
    if how == "processor" or image.width == image.height:
        return image
    side = max(image.size) if how == "pad" else min(image.size)
    left, top = (side - image.width) // 2, (side - image.height) // 2
    square = Image.new("RGB", (side, side), tuple(colour))
    square.paste(image, (left, top))
    return square
