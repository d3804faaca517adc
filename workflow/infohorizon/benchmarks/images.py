"""Encoded images: decoding as a model sees them, and the check that this will work later."""

import warnings
from io import BytesIO

from PIL import ExifTags, Image, ImageOps

_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def decode(data: bytes) -> Image.Image:
    """Encoded bytes → upright RGB image (EXIF orientation applied, as `datasets` and thus the harnesses do)."""
    with Image.open(BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def measure(data: bytes) -> tuple[int, int]:
    """(width, height) in pixels of the upright image, after reading it to the end.

    Raises:
        Exception: whatever Pillow raises for a damaged or cut-off file, or one that unpacks to a suspicious size.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(BytesIO(data)) as image:
            width, height = image.size
            sideways = image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
            image.draft("L", (1, 1))  # JPEG only: reads every byte, at an eighth of the decoding work
            image.load()  # unlike verify(), notices a file that ends early
    return (height, width) if sideways else (width, height)
