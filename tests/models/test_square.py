"""Padding and cropping: what the square token grid covers of an image."""

import numpy as np
import pytest
from PIL import Image

from checkpoints import write_llava, write_qwen, write_qwen3
from infohorizon import models
from infohorizon.models.square import GREY, squared


def picture(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(("width", "height"), [(31, 20), (20, 31), (40, 7), (5, 6)])
def test_padding_puts_the_whole_image_in_the_middle_of_a_square(width, height):
    image, side = picture(width, height), max(width, height)
    padded = np.asarray(squared(image, "pad", (1, 2, 3)))
    expected = np.tile(np.array([1, 2, 3], dtype=np.uint8), (side, side, 1))
    top, left = (side - height) // 2, (side - width) // 2
    expected[top : top + height, left : left + width] = np.asarray(image)
    assert np.array_equal(padded, expected)


def test_cropping_keeps_the_centre_square():
    image = picture(31, 20)
    assert np.array_equal(np.asarray(squared(image, "crop")), np.asarray(image)[:, 6:26])


def test_square_images_and_the_processors_own_handling_stay_as_they_are():
    image = picture(8, 8)
    assert squared(image, "pad") is image and squared(image, "crop") is image
    assert squared(picture(9, 8), "processor").size == (9, 8)


def test_a_model_pads_with_its_processors_mean_colour(case, monkeypatch):
    if case.model.model_type != "llava":
        pytest.skip("Qwen2.5-VL's images keep their shape")
    image = picture(60, 40)
    monkeypatch.setitem(case.model.settings, "image", "pad")
    square = squared(image, "pad", GREY)
    assert tuple(int(255 * mean) for mean in case.model.image_processor.image_mean) == GREY
    padded, same = case.model.encode([image, square])
    assert padded.features.equal(same.features)
    monkeypatch.setitem(case.model.settings, "image", "crop")
    assert not case.model.encode([image])[0].features.equal(padded.features)


@pytest.mark.parametrize("write", [write_llava, write_qwen, write_qwen3])
def test_padding_reaches_the_frame_of_the_token_grid(write, tmp_path):
    write(tmp_path)
    padding = models.load(str(tmp_path), {"image": "pad"})
    assert padding.encode([picture(60, 40)])[0].frame == pytest.approx((0, -10, 60, 50), abs=0.5)
    cropping = models.load(str(tmp_path), {"image": "crop"})
    assert cropping.encode([picture(60, 40)])[0].frame == pytest.approx((10, 0, 50, 40), abs=0.5)


def test_what_is_refused_is_the_square_and_not_the_image(tmp_path):
    write_qwen(tmp_path)
    assert "more than 200 times" in models.load(str(tmp_path), {}).refusal((1000, 4))
    for how in ("pad", "crop"):
        model = models.load(str(tmp_path), {"image": how, "max_pixels": 56 * 56})
        assert model.refusal((1000, 4)) is None
        rows, columns = model.encode([picture(1000, 4)])[0].grid
        assert rows == columns
