"""Images at lower resolution against PIL, the model's own processor and `generate`."""

import inspect
import math

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText

from checkpoints import WRITERS
from infohorizon import models
from infohorizon.engine import Batch
from infohorizon.measure.downsampling import blurred_size, downsample, smaller_grid
from infohorizon.measure.questioner import Asked, Questioner

QUESTION, LABEL = "what is it?", "yes"
CELL = {"qwen2_vl": 28, "qwen2_5_vl": 28, "qwen3_vl": 32}


def picture(width, height, seed=3):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module", params=list(WRITERS))
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    WRITERS[request.param](folder)
    return models.load(str(folder), {"dtype": "float32"}), folder


def said(model, encoded):
    asked = Asked("q", QUESTION, LABEL, encoded)
    questioner = Questioner(model, Batch("auto", 1, torch.device("cpu")), max_new_tokens=4)
    return questioner.answer(questioner.trace(asked), asked)


def generated(model, folder, image, **limits):
    """answer and label_probability by transformers alone: its processor, and its generate."""
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    one_tile = {"crop_to_patches": False} if model.model_type == "internvl" else {}
    inputs = dict(processor([image], return_tensors="pt", **one_tile, **limits))
    inputs.pop("num_patches", None)
    ids, place = model.token_ids(QUESTION), model.token_ids(QUESTION).index(model.image_token_id)
    grid = inputs.get("image_grid_thw")
    count = int(grid.prod()) // 4 if grid is not None else 25
    ids = torch.tensor([[*ids[:place], *[model.image_token_id] * count, *ids[place + 1 :]]])
    plain = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager").eval()
    if "mm_token_type_ids" in inspect.signature(plain.forward).parameters:  # transformers 5
        inputs["mm_token_type_ids"] = (ids == model.image_token_id).int()
    found = plain.generate(
        **inputs, input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, do_sample=False,
        output_logits=True, return_dict_in_generate=True, eos_token_id=model.stop_ids,
    )  # fmt: skip
    answer = [token for token in found.sequences[0, ids.shape[1] :].tolist() if token not in model.stop_ids]
    return model.answer_text(answer), float(found.logits[0][0].softmax(-1)[model.label_ids(LABEL)[0]])


@pytest.mark.parametrize("keep", [0.25, 7])
def test_an_answer_about_a_smaller_image_is_that_of_plain_generate(made, keep):
    model, folder = made
    cell, bicubic = CELL.get(model.model_type), Image.Resampling.BICUBIC
    image = picture(7 * cell - 3, 5 * cell + 2) if cell else picture(70, 90)
    whole = model.encode([image])[0]
    encoded, size = downsample(model, image, whole.grid, keep)
    if (
        cell
    ):  # 5 × 7 tokens, wanted are 9 (2.5 × 3.5: 3 × 3 is nearest) and 7 (2.2 × 3.1: 2 × 3 or 2 × 4, which is wider)
        rows, columns = {0.25: (3, 3), 7: (2, 3)}[keep]
        assert encoded.grid == (rows, columns) and size == (columns * cell, rows * cell)
        limits = {"min_pixels": 1, "max_pixels": 10**6}
        small = image.resize((columns * cell, rows * cell), bicubic)
        answer, probability = generated(model, folder, small, **limits)
    else:  # the processor squashes the image to a square: 7 of 25 tokens are 0.53 of each side
        assert encoded.grid == whole.grid == (5, 5)
        side = {"llava": 40, "internvl": 80}[model.model_type] * math.sqrt({0.25: 6, 7: 7}[keep] / 25)
        assert size == (round(side), round(side))
        answer, probability = generated(model, folder, image.resize(size, bicubic).resize((70, 90), bicubic))
    found = said(model, encoded)
    assert found["answer"] == answer
    assert found["label_probability"] == pytest.approx(probability, rel=1e-3)  # random models give 1e-7, too
    assert said(model, whole)["label_probability"] != pytest.approx(probability, rel=1e-2)  # another image indeed


@pytest.mark.parametrize("keep", [0.999, 10_000])
def test_with_all_tokens_it_is_the_unpruned_answer(made, keep):
    model, _ = made
    image = picture(150, 120)
    whole = model.encode([image])[0]
    encoded, size = downsample(model, image, whole.grid, keep)
    assert size == (150, 120) and torch.equal(encoded.features, whole.features)
    assert said(model, encoded) == said(model, whole)


@pytest.mark.parametrize("how", ["pad", "crop"])
def test_a_protocols_square_stays_one(made, how):
    folder = made[1]
    model = models.load(str(folder), {"dtype": "float32", "image": how, "min_pixels": 25 * 28 * 28})
    image = picture(300, 150)
    grid = model.encode([image])[0].grid
    assert grid[0] == grid[1]
    encoded, size = downsample(model, image, grid, 4)
    if model.model_type in CELL:  # far fewer than the protocol's least number of pixels
        assert encoded.grid == (2, 2) and size == (2 * CELL[model.model_type],) * 2
    else:
        assert encoded.grid == grid and size[0] == pytest.approx(2 * size[1], abs=1)
    assert model.settings["min_pixels"] == 25 * 28 * 28 and model.settings["image"] == how


def test_what_counts_is_what_the_model_sees(made):
    """4 % of a tile's pixels; an image that holds fewer than that is not touched, nor made larger."""
    model, _ = made
    if model.model_type in CELL:
        pytest.skip("its images have any size")
    side = {"llava": 40, "internvl": 80}[model.model_type]
    for width, height in [(40, 40), (600, 300), (33, 77)]:
        assert blurred_size(model, picture(width, height), 0.04) == (round(side / 5),) * 2
    tiny = picture(5, 3)
    assert blurred_size(model, tiny, 0.5) == (5, 3)
    encoded, _ = downsample(model, tiny, (5, 5), 0.5)
    assert torch.equal(encoded.features, model.encode([tiny])[0].features)


@pytest.mark.parametrize("grid", [(5, 7), (8, 8), (1, 20), (30, 2), (24, 24), (1, 2)])
def test_a_smaller_grid_has_about_the_wanted_number_and_the_same_shape(grid):
    count = grid[0] * grid[1]
    for wanted in range(1, count):
        rows, columns = smaller_grid(grid, wanted)
        assert 1 <= rows <= grid[0] and 1 <= columns <= grid[1]
        scale = math.sqrt(wanted / count)
        if min(grid) * scale >= 1:
            assert abs(rows - grid[0] * scale) < 1 and abs(columns - grid[1] * scale) < 1
        else:
            assert rows * columns == wanted
    assert [smaller_grid((8, 8), wanted) for wanted in (16, 8, 1)] == [(4, 4), (3, 3), (1, 1)]
