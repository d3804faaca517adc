"""The frame of each processor's picture, read off a ramp, against what its settings say."""

import io

import numpy as np
import pytest
import transformers as hf
from PIL import Image

from checkpoints import write_llava
from infohorizon import models
from infohorizon.benchmarks.images import UPRIGHT, decode
from infohorizon.figures.examples import Example
from infohorizon.figures.heatmaps import seen
from infohorizon.models.frame import Frame, FrameReader

SQUASH = {"size": {"height": 224, "width": 224}, "do_center_crop": False}
CROP, SQUASHED, SIGLIP, PAD = (
    hf.CLIPImageProcessor(),
    hf.CLIPImageProcessor(**SQUASH),
    hf.SiglipImageProcessor(),
    hf.LlavaImageProcessor(do_pad=True),
)


def reader(processor) -> FrameReader:
    return FrameReader(lambda image: np.asarray(processor([image], return_tensors="np")["pixel_values"][0]))


@pytest.mark.parametrize(
    ("processor", "size", "expected"),
    [
        (CROP, (640, 480), (80, 0, 560, 480)),
        (CROP, (300, 700), (0, 200, 300, 500)),
        (CROP, (224, 224), (0, 0, 224, 224)),
        (SQUASHED, (640, 480), (0, 0, 640, 480)),
        (SIGLIP, (300, 700), (0, 0, 300, 700)),
        (PAD, (640, 480), (0, -80, 640, 560)),
        (PAD, (300, 700), (-200, 0, 500, 700)),
        (SQUASHED, (1, 1), (0, 0, 1, 1)),
        (SQUASHED, (50, 1), (0, 0, 50, 1)),
    ],
)
def test_frames(processor, size, expected):
    if min(size) == 1 and int(hf.__version__.split(".")[0]) < 5:
        pytest.skip("transformers 4.57 takes a side of one pixel for the colours, and refuses the image")
    frame = reader(processor)(size)
    assert frame == pytest.approx(expected, abs=0.002 * max(size))


def test_a_size_is_read_once():
    seen = []
    frames = FrameReader(lambda image: seen.append(image.size) or np.asarray(image, dtype=float).transpose(2, 0, 1))
    assert frames((9, 5)) == frames((9, 5)) == pytest.approx((0, 0, 9, 5), abs=0.05)
    assert seen == [(32, 32), (32, 32), (9, 5)]


def photograph(orientation: int) -> bytes:
    """A picture of 60 × 90 pixels as a camera stores it that was held in one of eight ways."""
    colours = np.random.default_rng(0).integers(0, 255, (3, 2, 3), dtype=np.uint8)
    upright = Image.fromarray(colours).resize((60, 90), Image.Resampling.BICUBIC)
    undo = {**UPRIGHT, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}.get(orientation)
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    (upright if undo is None else upright.transpose(undo)).save(file, "PNG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("orientation", [1, 3, 6, 7, 8])
@pytest.mark.parametrize(
    "processor",
    [
        {"size": {"height": 40, "width": 40}, "do_center_crop": False},
        {"size": {"shortest_edge": 40}, "crop_size": {"height": 40, "width": 40}, "do_center_crop": True},
    ],
    ids=["squash", "crop"],
)
def test_the_picture_under_a_heat_map_is_what_the_model_saw(processor, orientation, tmp_path):
    hf.CLIPImageProcessor(**processor).save_pretrained(write_llava(tmp_path))
    model, data = models.load(str(tmp_path), {}), photograph(orientation)
    image = decode(data)
    encoded = model.encode([image])[0]
    example = Example("m", "b", "q", "", "", "i", data, encoded.frame, encoded.grid, 1, [0], np.zeros((1, 25)))
    shown = np.asarray(seen(example, limit=40), dtype=float)
    mean, deviation = (np.array(getattr(model.image_processor, f"image_{name}")) for name in ("mean", "std"))
    saw = 255 * (model.seen(image).transpose(1, 2, 0) * deviation + mean)
    assert shown.shape == saw.shape == (40, 40, 3)
    assert np.abs(shown - saw).mean() < 3  # of 255: two filters differ, two places do not


def test_padding_is_grey_and_the_image_in_its_place():
    data = photograph(1)
    example = Example("m", "b", "q", "", "", "i", data, Frame(-15, 0, 75, 90), (9, 9), 1, [0], np.zeros((1, 81)))
    picture = seen(example, limit=90)
    assert picture.size == (90, 90)
    assert {picture.getpixel((x, 50)) for x in (0, 14, 75, 89)} == {(128, 128, 128)}
    assert picture.crop((15, 0, 75, 90)).tobytes() == decode(data).tobytes()
