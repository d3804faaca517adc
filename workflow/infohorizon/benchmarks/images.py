"""Encoded images → what everybody sees of them: the models, the figures and the page decode here and nowhere else."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from infohorizon.errors import UserError

PIXEL_LIMIT = 89_478_485  # Pillow's: more is probably an attack, or a scan that no model sees whole
# EXIF's orientation → how to turn the stored pixels upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WHITE = (255, 255, 255, 255)
Image.MAX_IMAGE_PIXELS = None  # `decode` has a limit of its own, which a setting can raise


def decode(data: bytes, pixel_limit: int | None = None) -> Image.Image:
    """Encoded bytes → upright RGB image.

    EXIF's orientation is applied, transparency shows white, 16-bit and floating-point values are scaled to 8 bit, and
    of several frames or pages the first is taken.

    Args:
        pixel_limit: the most pixels that are decoded; None for any number.
    Raises:
        UserError: the end of a sentence that begins "the image": damaged or cut off, no image, or too large.
    """
    try:
        with Image.open(BytesIO(data)) as image:
            if pixel_limit is not None and image.width * image.height > pixel_limit:
                raise UserError(
                    f"has {image.width} × {image.height} pixels, more than the limit of {pixel_limit}: make it "
                    "smaller, or raise `pixel_limit` of the benchmark"
                )
            image.load()
            turn = UPRIGHT.get(_orientation(image))
            rgb = _rgb(image)
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise UserError(f"cannot be decoded ({_reason(data, error)}): replace or remove it") from error
    return rgb if turn is None else rgb.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation; 1 (upright) where it cannot be read or is none."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata says nothing; the pixels are sound
        return 1
    return found if isinstance(found, int) else 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_scaled(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image).convert("RGB")
    return image.convert("RGB")


def _scaled(values: NDArray) -> NDArray[np.uint8]:
    """Values of more than 8 bit → 8 bit: 0 to 1 (floating point) and 0 to 65535 (whole numbers) become 0 to 255.

    Floating-point values of 0 to 255 stay; what lies outside these ranges is stretched from its least to its largest.
    """
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise ValueError("some values are not finite")
    expected = 65535 if values.dtype.kind != "f" else 1 if high <= 1 else 255
    bottom, top = (0, expected) if low >= 0 and high <= expected else (low, high)
    return np.rint((values.astype(np.float64) - bottom) * (255 / ((top - bottom) or 1))).astype(np.uint8)


def _reason(data: bytes, error: Exception) -> str:
    """Why an image cannot be decoded; what it is instead, where its first bytes tell."""
    head = data[:256].lstrip().lower()
    if not data:
        return "the file is empty"
    if b"<svg" in head:
        return "it is an SVG drawing, which Pillow does not read"
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page or XML, not an image"
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "it is in HEIC format, which Pillow does not read: convert it to JPEG or PNG"
    if data.startswith(b"%PDF"):
        return "it is a PDF document, not an image"
    if isinstance(error, UnidentifiedImageError):
        return "it is in no image format that Pillow reads"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
