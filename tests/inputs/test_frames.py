"""The frame of each processor's picture, read off a ramp, against what its settings say."""

import numpy as np
import pytest
import transformers as hf

from infohorizon.models.frame import FrameReader

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
    frame = reader(processor)(size)
    assert frame == pytest.approx(expected, abs=0.002 * max(size))


def test_a_size_is_read_once():
    seen = []
    frames = FrameReader(lambda image: seen.append(image.size) or np.asarray(image, dtype=float).transpose(2, 0, 1))
    assert frames((9, 5)) == frames((9, 5)) == pytest.approx((0, 0, 9, 5), abs=0.05)
    assert seen == [(32, 32), (32, 32), (9, 5)]
