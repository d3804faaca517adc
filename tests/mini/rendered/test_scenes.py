"""Scenes and their pixels: fixed by seed, split cleanly, and labelled as they are drawn."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets

from infohorizon.mini.rendered.drawing import draw_scene, glyph, icon_mask
from infohorizon.mini.rendered.handwriting import OWNED, digit_mask, digit_scene, label_of, samples
from infohorizon.mini.rendered.scenes import (
    CHARACTERS,
    FONT_SIZES,
    FONTS,
    GRID,
    KINDS,
    PATCH,
    QUARTERS,
    SIZE,
    TEST_FONTS,
    TRAIN_FONTS,
    generator,
    patch_labels,
    sample_scene,
    split_of,
)  # fmt: skip


def drawn(split: str, index: int) -> tuple:
    rng = generator(5, split, index)
    scene = sample_scene(rng, split)
    return scene, draw_scene(scene, rng)


def test_an_image_depends_on_seed_split_and_index_alone() -> None:
    scene, pixels = drawn("test", 3)
    drawn("test", 4)
    again, same_pixels = drawn("test", 3)
    assert scene == again
    assert np.array_equal(pixels, same_pixels)
    assert not np.array_equal(pixels, drawn("train", 3)[1])
    assert pixels.shape == (SIZE, SIZE, 3) and pixels.dtype == np.uint8


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_words_and_fonts_belong_to_their_split(split: str) -> None:
    words = [word for index in range(40) for word in drawn(split, index)[0].words]
    assert {split_of(word.text) for word in words} == {split}
    assert {word.font for word in words} <= set(TEST_FONTS if split == "test" else TRAIN_FONTS)


def test_every_font_and_size_belongs_to_one_split_and_none_is_wholly_unseen() -> None:
    assert not set(TEST_FONTS) & set(TRAIN_FONTS)
    assert set(TEST_FONTS) | set(TRAIN_FONTS) == {(font, size) for font in FONTS for size in FONT_SIZES}
    assert {font for font, _ in TEST_FONTS} <= {font for font, _ in TRAIN_FONTS}


def test_nothing_overlaps_and_every_patch_is_labelled() -> None:
    for index in range(60):
        scene, _ = drawn("train", index)
        labels = patch_labels(scene)
        inked = (labels["character"] > 0).astype(int) + (labels["kind"] > 0)
        assert inked.max() == 1
        assert inked.sum() == 3 * len(scene.words) + 4 * (len(scene.icons) + 1)
        assert ((labels["color"] > 0) == (inked > 0)).all()
        for word in scene.words:
            spelled = labels["character"][word.row, word.column : word.column + 3]
            assert "".join(CHARACTERS[i - 1] for i in spelled) == word.text


def test_what_a_question_can_name_is_unique() -> None:
    for index in range(60):
        scene, _ = drawn("train", index)
        for names in ([w.color for w in scene.words], [i.color for i in scene.icons], [i.kind for i in scene.icons]):
            assert len(set(names)) == len(names)


def test_no_icon_stands_on_the_middle_line() -> None:
    for index in range(60):
        for icon in drawn("train", index)[0].icons:
            columns = {icon.column, icon.column + 1}
            assert columns <= set(range(GRID // 2)) if icon.side == "left" else columns <= set(range(GRID // 2, GRID))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_three_quarters_hold_digits_of_the_split_and_the_fourth_the_sign(split: str) -> None:
    for index in range(40):
        rng = generator(5, split, index)
        scene = digit_scene(rng, split)
        others = set(range(1797)) - set(OWNED[split])
        assert not others & {digit.sample for digit in scene.digits}
        quarters = [digit.quarter for digit in scene.digits]
        top, left = (place // (GRID // 2) == 0 for place in (scene.sign.row, scene.sign.column))
        quarters.append(f"{'top' if top else 'bottom'} {'left' if left else 'right'}")
        assert set(quarters) == set(QUARTERS) and len(quarters) == 4
        assert {scene.sign.row % 4, scene.sign.column % 4} <= {0, 1, 2}  # 2 × 2 patches, none in another quarter


def test_the_splits_share_no_digit_and_none_is_left_out() -> None:
    ink, meant = samples()
    assert sorted(chain(*OWNED.values())) == list(range(1797)) and len(ink) == len(meant) == 1797
    assert ink.min() == 0 and ink.max() == 1
    for owned in OWNED.values():
        assert set(meant[list(owned)]) == set(range(10))


def test_a_digit_is_drawn_in_its_quarter_alone() -> None:
    """With the same draws but one, two images differ in that digit's quarter alone."""
    scene = digit_scene(generator(5, "test", 0), "test")
    first = replace(scene.digits[0], sample=scene.digits[1].sample)
    other = replace(scene, digits=(first, *scene.digits[1:]))
    one, two = (draw_scene(shown, generator(5, "test", 1)) for shown in (scene, other))
    changed = (one != two).any(axis=2)
    row, column = (place * PATCH for place in QUARTERS[first.quarter])
    quarter = np.s_[row : row + SIZE // 2, column : column + SIZE // 2]
    assert changed[quarter].sum() == changed.sum() > 100


def test_a_digit_is_what_its_writer_meant() -> None:
    """Against the file that scikit-learn reads."""
    folder = Path(sklearn.datasets.__file__).parent
    table = np.loadtxt(folder / "data/digits.csv.gz", delimiter=",")
    for index in (0, 1297, 1796):
        assert label_of(index) == str(int(table[index, -1]))
        assert np.allclose(digit_mask(index, 8) * 16, table[index, :-1].reshape(8, 8), atol=0.04)


def test_every_glyph_and_icon_is_its_own() -> None:
    for font in TEST_FONTS:
        masks = [glyph(character, font, 0, 0) for character in CHARACTERS]
        assert all(mask.shape == (PATCH, PATCH) and mask.max() > 0.5 for mask in masks)
        assert len({mask.tobytes() for mask in masks}) == len(CHARACTERS)
    assert len({icon_mask(kind, 10, 0, 0).tobytes() for kind in KINDS}) == len(KINDS)
