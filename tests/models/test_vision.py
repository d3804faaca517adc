"""What the vision stage stores and where tokens stand, against transformers' own functions and eager attention."""

import inspect

import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

from infohorizon.models.grid import windows
from infohorizon.models.qwen2_5_vl import Qwen25VL

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
    """Features: second-last layer without the class token; saliency: what that token pays, mean over heads."""
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
    torch.testing.assert_close(encoded.saliency, out.attentions[-2][0, :, 0, 1:].mean(0))
    torch.testing.assert_close(encoded.keys, keys.unflatten(-1, (heads, -1)).mean(1))


def test_qwen_encodes_as_eager_attention_says(case, eager):
    """Saliency: what a token receives in the last full-attention block, mean over queries, heads and its patches."""
    of_kind(case, "qwen2_5_vl")
    model, inputs = eager
    tower, seen = model.model.visual, {}
    attention = tower.blocks[1].attn
    hook = attention.register_forward_pre_hook(lambda _, args, kwargs: seen.update(kwargs, args=args), with_kwargs=True)
    with torch.no_grad():
        out = tower(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
        hook.remove()
        states = seen["args"][0] if seen["args"] else seen["hidden_states"]
        query, key, _ = attention.qkv(states).unflatten(-1, (3, tower.blocks[1].attn.num_heads, -1)).unbind(1)
        query, key = qwen.apply_rotary_pos_emb_vision(query, key, *seen["position_embeddings"])
    weights = (query.transpose(0, 1) @ key.permute(1, 2, 0) / query.shape[-1] ** 0.5).softmax(-1)
    received = weights.mean((0, 1)).unflatten(0, (-1, 4)).mean(1)
    key = key.mean(1).unflatten(0, (-1, 4)).mean(1)
    grid = tuple((inputs["image_grid_thw"][0, 1:] // 2).tolist())
    order = own_window_index(tower, grid)
    encoded = case.model.encode([case.image])[0]
    assert encoded.grid == grid == (7, 5)
    torch.testing.assert_close(encoded.saliency[order], received)
    torch.testing.assert_close(encoded.keys[order], key)
    torch.testing.assert_close(encoded.features, getattr(out, "pooler_output", out))
    assert float(encoded.saliency.sum()) == pytest.approx(0.25, abs=1e-4)  # all patches together receive 1


def test_a_batch_encodes_as_its_images_do(case):
    alone, (first, second) = case.encoded, case.model.encode([case.image.rotate(90), case.image])
    assert first.grid == second.grid == alone.grid
    torch.testing.assert_close(second.features, alone.features)
    torch.testing.assert_close(second.saliency, alone.saliency)
    torch.testing.assert_close(second.keys, alone.keys)
    assert not torch.allclose(first.features, second.features)


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
