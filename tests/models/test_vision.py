"""What the vision stage stores and where tokens stand, against transformers' own functions and eager attention."""

import inspect

import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

from checkpoints import write_qwen
from infohorizon import models, tables
from infohorizon.models.grid import windows
from infohorizon.models.qwen2_5_vl import Qwen25VL
from infohorizon.models.tower import last_below
from infohorizon.models.vision_table import ATTENTION, Images, vision_row

GRIDS = [(2, 2), (5, 7), (4, 6), (1, 9), (8, 3)]


@pytest.fixture(scope="module")
def eager(case):
    """transformers' own model with eager attention, and the pixels of the case's image."""
    model = AutoModelForImageTextToText.from_pretrained(case.folder, attn_implementation="eager").eval()
    return model, AutoImageProcessor.from_pretrained(case.folder, use_fast=False)([case.image], return_tensors="pt")


def of_kind(case, kind):
    if case.model.model_type != kind:
        pytest.skip(f"for {kind}")


def own_window_index(tower, grid):
    """transformers' order of merged tokens in windows, whatever the version calls it."""
    grid = torch.tensor([[1, 2 * grid[0], 2 * grid[1]]])
    if hasattr(tower, "get_window_index"):
        return torch.as_tensor(tower.get_window_index(grid)[0])
    return qwen.get_vision_window_index(grid, tower.spatial_merge_size, tower.window_size, tower.patch_size)[0]


@pytest.mark.parametrize("grid", GRIDS)
def test_positions_are_the_models_own(grid, case, eager):
    of_kind(case, "qwen2_5_vl")
    start, count, suffix = 4, grid[0] * grid[1], 3
    image, config = case.model.image_token_id, eager[0].config
    ids = torch.tensor([[20, 21, 22, config.vision_start_token_id, *[image] * count, 23, 24, 25]])
    own = eager[0].model.get_rope_index
    known = inspect.signature(own).parameters
    types = {"mm_token_type_ids": (ids == image).int()} if "mm_token_type_ids" in known else {}
    expected, _ = own(
        input_ids=ids,
        image_grid_thw=torch.tensor([[1, 2 * grid[0], 2 * grid[1]]]),
        attention_mask=torch.ones_like(ids),
        **types,
    )
    assert torch.equal(case.model.positions(start + count + suffix, start, grid), expected[:, 0])


def test_llavas_positions_count(case):
    of_kind(case, "llava")
    assert case.model.positions(9, 3, (2, 2)).tolist() == list(range(9))


@pytest.mark.parametrize("grid", GRIDS)
def test_window_order_is_the_towers_own(grid, case, eager):
    of_kind(case, "qwen2_5_vl")
    tower = eager[0].model.visual
    assert torch.equal(torch.cat(windows(grid, side=2)), own_window_index(tower, grid))


def test_llava_encodes_as_eager_attention_says(case, eager):
    """Features: second-last layer without the class token; saliency: what that token pays, mean over heads.

    Of the tower's three layers the first is the early one, the second both the middle and the second-last one.
    """
    of_kind(case, "llava")
    model, inputs = eager
    tower, heads = model.model.vision_tower, model.config.vision_config.num_attention_heads
    with torch.no_grad():
        out = tower(inputs["pixel_values"], output_attentions=True, output_hidden_states=True)
        layer = getattr(tower, "vision_model", tower).encoder.layers[-2]
        keys = layer.self_attn.k_proj(layer.layer_norm1(out.hidden_states[-3]))[0, 1:]
    encoded = case.model.encode([case.image])[0]
    assert encoded.grid == (5, 5)
    torch.testing.assert_close(encoded.features, out.hidden_states[-2][0, 1:])
    early, late, _ = (weights[0].mean(0)[:, 1:] for weights in out.attentions)
    torch.testing.assert_close(encoded.saliency, late[0])
    torch.testing.assert_close(encoded.early_saliency, early[0])
    torch.testing.assert_close(encoded.received, late.mean(0))
    torch.testing.assert_close(encoded.middle_received, late.mean(0))
    torch.testing.assert_close(encoded.keys, keys.unflatten(-1, (heads, -1)).mean(1))


def eager_block(tower, block, inputs):
    """Attention (heads, patches, patches) and keys (patches, heads, width) of a block of transformers' Qwen tower."""
    seen, attention = {}, tower.blocks[block].attn
    hook = attention.register_forward_pre_hook(lambda _, args, kwargs: seen.update(kwargs, args=args), with_kwargs=True)
    with torch.no_grad():
        tower(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
        hook.remove()
        states = seen["args"][0] if seen["args"] else seen["hidden_states"]
        query, key, _ = attention.qkv(states).unflatten(-1, (3, attention.num_heads, -1)).unbind(1)
        query, key = qwen.apply_rotary_pos_emb_vision(query, key, *seen["position_embeddings"])
    return (query.transpose(0, 1) @ key.permute(1, 2, 0) / query.shape[-1] ** 0.5).softmax(-1), key


def of_merged(patches):
    """Mean of the four patches that the merger takes together."""
    return patches.unflatten(0, (-1, 4)).mean(1)


def test_qwen_encodes_as_eager_attention_says(case, eager):
    """Saliency: what a token receives in the last full-attention block, mean over queries, heads and its patches."""
    of_kind(case, "qwen2_5_vl")
    model, inputs = eager
    tower = model.model.visual
    weights, key = eager_block(tower, 1, inputs)
    with torch.no_grad():
        out = tower(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
    grid = tuple((inputs["image_grid_thw"][0, 1:] // 2).tolist())
    order = own_window_index(tower, grid)
    encoded = case.model.encode([case.image])[0]
    assert encoded.grid == grid == (7, 5)
    torch.testing.assert_close(encoded.saliency[order], of_merged(weights.mean((0, 1))))
    torch.testing.assert_close(encoded.keys[order], of_merged(key.mean(1)))
    torch.testing.assert_close(encoded.features, getattr(out, "pooler_output", out))
    assert float(encoded.saliency.sum()) == pytest.approx(0.25, abs=1e-4)  # all patches together receive 1


def test_qwens_layers_of_attention(case, tmp_path):
    """Of several blocks where all patches see each other: one in the first quarter, one in the first half, the last."""
    of_kind(case, "qwen2_5_vl")
    folder = write_qwen(tmp_path, layers=2, depth=10, fullatt_block_indexes=[1, 4, 7])
    tower = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager").eval().model.visual
    inputs = AutoImageProcessor.from_pretrained(folder, use_fast=False)([case.image], return_tensors="pt")
    encoded = models.load(str(folder), {"dtype": "float32"}).encode([case.image])[0]
    order = own_window_index(tower, encoded.grid)
    assert order.tolist() != sorted(order.tolist())
    blocks = {"early_saliency": 1, "middle_received": 4, "saliency": 7, "received": 7}
    for name, block in blocks.items():
        expected = of_merged(eager_block(tower, block, inputs)[0].mean((0, 1)))
        torch.testing.assert_close(getattr(encoded, name)[order], expected, msg=name)
    torch.testing.assert_close(encoded.keys[order], of_merged(eager_block(tower, 7, inputs)[1].mean(1)))


def test_layers_of_the_published_towers():
    """VScan reads the 6th and HiPrune the 9th of CLIP's 24 layers; block 8 and block 16 of Qwen's 32."""
    assert [last_below(range(24), 24 * share) for share in (1 / 4, 3 / 8)] == [5, 8]
    assert [last_below([7, 15, 23, 31], 32 * share) for share in (1 / 4, 1 / 2)] == [7, 15]
    assert last_below([1], 0.75) == 1


def test_a_batch_encodes_as_its_images_do(case):
    alone, (first, second) = case.encoded, case.model.encode([case.image.rotate(90), case.image])
    assert first.grid == second.grid == alone.grid
    torch.testing.assert_close(second.features, alone.features)
    for name in ("saliency", "early_saliency", "received", "middle_received", "keys"):
        torch.testing.assert_close(getattr(second, name), getattr(alone, name))
    assert not torch.allclose(first.features, second.features)


def test_an_image_comes_back_from_the_table(case, tmp_path):
    """Every quantity under its own name, in the precision of the model."""
    encoded = case.encoded
    tables.write(tmp_path / "t.arrow", "vision", [vision_row("a", encoded, wide=True)], {})
    images = Images(str(tmp_path / "t.arrow"))
    assert images.grid("a") == images["a"].grid == encoded.grid
    for name in ("features", *ATTENTION, "keys"):
        assert torch.equal(getattr(images["a"], name), getattr(encoded, name).float()), name


def test_pixel_limits_set_the_number_of_tokens(case, monkeypatch):
    of_kind(case, "qwen2_5_vl")
    assert isinstance(case.model, Qwen25VL)
    monkeypatch.setitem(case.model.settings, "max_pixels", 28 * 28 * 12)
    monkeypatch.setitem(case.model.settings, "min_pixels", 28 * 28)
    rows, columns = case.model.encode([case.image])[0].grid
    assert (rows, columns) == (4, 2)  # 196 × 140 at most 12 tokens of 28 × 28, sides rounded down


@pytest.mark.parametrize("image", ["processor", "pad", "crop"])
@pytest.mark.parametrize("size", [(40, 40), (200, 90), (57, 300)])
def test_tokens_are_counted_without_the_tower(case, image, size):
    limits = {"min_pixels": 28 * 28 * 6, "max_pixels": 28 * 28 * 20}
    model = type(case.model)(
        case.model.model, case.model.tokenizer, case.model.image_processor, {"image": image, **limits}
    )
    assert model.tokens(size) == len(model.encode([Image.new("RGB", size)])[0].features)
