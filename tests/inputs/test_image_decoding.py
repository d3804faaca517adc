"""One decoder for everybody: modes, transparency, depths, EXIF; and what an unreadable file is said to be."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from infohorizon.benchmarks.images import decode
from infohorizon.errors import UserError
from inputs.conftest import png

RED, WHITE = (255, 0, 0), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def grey(values, dtype) -> Image.Image:
    return Image.fromarray(np.array(values, dtype=dtype))


def palette_with_transparency() -> bytes:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 0])
    image.putpixel((1, 0), 1)
    return encoded(image, transparency=1)


@pytest.mark.parametrize(
    ("data", "pixels"),
    [
        (encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 0))), [WHITE]),
        (encoded(Image.new("RGBA", (1, 1), (255, 0, 0, 255))), [RED]),
        (encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 128))), [(127, 127, 127)]),
        (encoded(Image.new("LA", (1, 1), (0, 0))), [WHITE]),
        (palette_with_transparency(), [RED, WHITE]),
        (encoded(Image.new("RGB", (1, 1), RED), transparency=RED), [WHITE]),
        (encoded(Image.new("1", (1, 1), 1)), [WHITE]),
        (encoded(Image.new("CMYK", (1, 1), (0, 255, 255, 0)), "TIFF"), [RED]),
        (encoded(grey([[0, 257, 65535]], "uint16")), [(0,) * 3, (1,) * 3, WHITE]),
        (encoded(grey([[0, 257, 65535]], "uint16"), "TIFF"), [(0,) * 3, (1,) * 3, WHITE]),
        (encoded(grey([[-100, 100]], "int32"), "TIFF"), [(0,) * 3, WHITE]),
        (encoded(grey([[70000, 70000]], "int32"), "TIFF"), [(0,) * 3, (0,) * 3]),
        (encoded(grey([[0.0, 0.2, 1.0]], "float32"), "TIFF"), [(0,) * 3, (51,) * 3, WHITE]),
        (encoded(grey([[0.0, 51.0]], "float32"), "TIFF"), [(0,) * 3, (51,) * 3]),
        (encoded(grey([[-1.0, 1.0]], "float32"), "TIFF"), [(0,) * 3, WHITE]),
        (encoded(Image.new("RGB", (1, 1), RED), "GIF", save_all=True, append_images=[Image.new("RGB", (1, 1))]), [RED]),
    ],
)
def test_pixels(data, pixels):
    image = decode(data)
    assert image.mode == "RGB" and [image.getpixel((x, 0)) for x in range(image.width)] == pixels


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"plain text", "it is in no image format that Pillow reads"),
        (b"<!DOCTYPE html><html></html>", "it is a web page or XML, not an image"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "it is an SVG drawing"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is in HEIC format, which Pillow does not read: convert it"),
        (b"%PDF-1.7\n", "it is a PDF document"),
        (png(size=(64, 64))[:-40], "truncated|broken|cannot|premature"),
        (encoded(grey([[np.nan]], "float32"), "TIFF"), "some values are not finite"),
    ],
)
def test_sentences(data, sentence):
    with pytest.raises(UserError, match=rf"^cannot be decoded \(.*({sentence}).*: replace or remove it$") as caught:
        decode(data)
    assert "0x" not in str(caught.value) and "\n" not in str(caught.value)


def test_the_pixel_limit_is_a_setting():
    large = encoded(Image.new("1", (12_000, 12_000)))
    with pytest.raises(UserError, match=r"has 12000 × 12000 pixels, more than the limit of 1000: .*`pixel_limit`"):
        decode(large, pixel_limit=1000)
    assert decode(large, pixel_limit=None).size == (12_000, 12_000)


CORNERS = Image.new("RGB", (16, 8))
for place, colour in {(0, 0): "red", (8, 0): "lime", (0, 4): "blue", (8, 4): "white"}.items():
    CORNERS.paste(colour, (*place, place[0] + 8, place[1] + 4))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(9))
def test_orientations(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(CORNERS, kind, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    assert decode(data).size == expected.size and decode(data).tobytes() == expected.tobytes()


# A tag's value of a type that it does not have: Pillow cannot write it back.
TAGS = st.dictionaries(
    st.sampled_from([0x010F, 0x0112, 0x011A, 0x0132, 0x8769, 0x8825, 0x9286, 0xA404]),
    st.one_of(st.integers(0, 9), st.text("ab\x00", max_size=4), st.binary(max_size=6), st.floats(-1, 1)),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(tags=TAGS, cut=st.integers(0, 40), noise=st.binary(max_size=8))
def test_any_exif_leaves_the_pixels_readable(tags, cut, noise):
    exif = Image.Exif()
    exif.update(tags)
    try:
        block = exif.tobytes()
    except Exception:  # Pillow itself does not write these: damage some that it does
        block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x01\0\x06\0\0"
    block = b"Exif\0\0" + block.removeprefix(b"Exif\0\0")[: max(8, len(block) - cut)] + noise
    image = decode(encoded(CORNERS, "JPEG", exif=block))
    assert sorted(image.size) == [8, 16]
