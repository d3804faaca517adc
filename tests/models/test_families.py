"""Qwen2-VL, Qwen3-VL, InternVL and llava-interleave: what each does in its own way, against transformers' functions."""

import inspect
import json
import re
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoModelForImageTextToText, Qwen3Config

from cases import make_case
from checkpoints import WRITERS, write_interleave, write_internvl, write_qwen3
from infohorizon import models
from infohorizon.engine import prefill, resume
from infohorizon.models import own_forward
from infohorizon.models.preflight import model_faults
from measure import test_trace_view
from models.test_vision import GRIDS, eager_block, of_merged

QWEN = ["qwen2_vl", "qwen3_vl"]


@pytest.fixture(scope="module", params=[*QWEN, "internvl"])
def family(request, tmp_path_factory):
    return make_case(request.param, tmp_path_factory.mktemp(request.param), "float32")


@pytest.fixture(scope="module")
def eager(family):
    """transformers' own model with eager attention."""
    return AutoModelForImageTextToText.from_pretrained(family.folder, attn_implementation="eager").eval()


def only(family, *kinds):
    if family.model.model_type not in kinds:
        pytest.skip(f"for {', '.join(kinds)}")


def test_a_sound_folder_has_no_faults(family):
    assert model_faults("it", family.folder, {}) == []


@pytest.mark.parametrize("grid", GRIDS)
def test_positions_are_the_models_own(grid, family, eager):
    only(family, *QWEN)
    start, count, suffix = 4, grid[0] * grid[1], 3
    image, own = family.model.image_token_id, eager.model.get_rope_index
    ids = torch.tensor([[20, 21, 22, eager.config.vision_start_token_id, *[image] * count, 23, 24, 25]])
    types = (
        {"mm_token_type_ids": (ids == image).int()} if "mm_token_type_ids" in inspect.signature(own).parameters else {}
    )
    sizes = torch.tensor([[1, 2 * grid[0], 2 * grid[1]]])
    expected, _ = own(input_ids=ids, image_grid_thw=sizes, attention_mask=torch.ones_like(ids), **types)
    assert torch.equal(family.model.positions(start + count + suffix, start, grid), expected[:, 0])


def test_qwen_encodes_as_eager_attention_says(family, eager):
    """All blocks let patches see each other: of three the first is early and middle, the last is late."""
    only(family, *QWEN)
    tower = eager.model.visual
    inputs = AutoImageProcessor.from_pretrained(family.folder, use_fast=False)([family.image], return_tensors="pt")
    with torch.no_grad():
        out = tower(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
    encoded = family.model.encode([family.image])[0]
    assert encoded.grid == (7, 5)
    for name, block in {"early_saliency": 0, "middle_received": 1, "saliency": 2, "received": 2}.items():
        weights, key = eager_block(tower, block, inputs)
        torch.testing.assert_close(getattr(encoded, name), of_merged(weights.mean((0, 1))), msg=name)
    torch.testing.assert_close(encoded.keys, of_merged(key.mean(1)))
    if family.model.model_type == "qwen2_vl":
        torch.testing.assert_close(encoded.features, getattr(out, "pooler_output", out))
        return
    merged, deep = out if isinstance(out, tuple) else (out.pooler_output, out.deepstack_features)
    features, added = family.model.visual_embeddings(encoded.features), family.model.additions(encoded.features)
    torch.testing.assert_close(features, merged)
    assert len(added) == len(deep) == 2
    for ours, expected in zip(added, deep, strict=True):
        torch.testing.assert_close(ours, expected)


def test_frequencies_of_rows_columns_and_time_take_turns(family):
    """Qwen3-VL: frequency 3k + 1 turns with the row, 3k + 2 with the column, as long as their section lasts."""
    only(family, "qwen3_vl")
    model, grid, start = family.model, (3, 4), 2
    ids = model.positions(20, start, grid)
    rotary = model.language_model.rotary
    axes = [next((a for a in (1, 2) if k % 3 == a and k < 3 * rotary.mrope_section[a]), 0) for k in range(10)]
    assert axes == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    angles = torch.stack([ids[axis] * rotary.inv_freq[k] for k, axis in enumerate(axes)], dim=1)
    cos, sin = model.language_model.rope(ids, "original").at(torch.arange(20)[None])
    torch.testing.assert_close(cos[0], torch.cat([angles, angles], dim=1).cos())
    torch.testing.assert_close(sin[0], torch.cat([angles, angles], dim=1).sin())


def prompts(model, image):
    return model.prompt("what is it?", model.encode([image])[0])


def test_states_between_the_layers_are_the_models_own(family, eager):
    """What enters every layer, the vision features that Qwen3-VL adds in between included."""
    trace = prefill(family.model.language_model, family.model.prompt(family.question, family.encoded))
    assert len(trace.prompt.additions) == (2 if family.model.model_type == "qwen3_vl" else 0)
    entered = []

    def record(_, args, kwargs):
        entered.append(args[0] if args else kwargs["hidden_states"])

    hooks = [layer.register_forward_pre_hook(record, with_kwargs=True) for layer in eager.model.language_model.layers]
    inputs = {"attention_mask": torch.ones_like(family.naive.inputs["input_ids"]), **family.naive.inputs}
    eager(**inputs, use_cache=False)
    for hook in hooks:
        hook.remove()
    assert len(entered) == family.model.depth
    for layer, expected in enumerate(entered):
        torch.testing.assert_close(trace.hidden(layer), expected[0], atol=1e-3, rtol=1e-3)


def test_no_removal_lets_the_image_in_again(tmp_path):
    """States that are zero stay zero without a bias: with them at layer 0 the answer knows an image's size, no more."""
    model = models.load(str(write_qwen3(tmp_path)), {"dtype": "float64"})
    found = []
    for colour in ("red", "blue"):
        trace = prefill(model.language_model, prompts(model, Image.new("RGB", (160, 96), colour)))
        assert len(trace.prompt.additions) == 2
        rows = [resume(trace, [layer], torch.zeros(1, 0, dtype=torch.long), removal="zero").final for layer in (0, 1)]
        found.append(model.language_model.logits(torch.cat(rows))[:, -1].softmax(-1))
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-12, rtol=0)
    assert (found[0][1] - found[1][1]).abs().max() > 1e-9  # from layer 1 on the text has seen the image


def test_kept_tokens_get_what_the_model_adds(tmp_path):
    """Deleted before layer 2: the tokens that are left get their own features after layer 1, in any order of rows."""
    model = models.load(str(write_qwen3(tmp_path)), {"dtype": "float64"})
    trace = prefill(model.language_model, prompts(model, own_forward.picture()))
    kept = torch.tensor([[1, 4, 6]])
    resumed = resume(trace, [1], kept).final
    pruned = trace.prune(1, kept[0])
    torch.testing.assert_close(resumed[0], pruned.final())
    bare = prefill(model.language_model, trace.prompt.__class__(**{**vars(trace.prompt), "additions": ()}))
    assert (bare.final() - trace.final()).abs().max() > 1e-3


def patches_of(row, column, side):
    """Indices of a token's four patches in reading order, by hand."""
    return [(2 * row + down) * side + 2 * column + right for down in (0, 1) for right in (0, 1)]


def test_internvl_encodes_as_eager_attention_says(family, eager):
    """Of three layers the first is early, the second middle; the class token of the last one says what is salient."""
    only(family, "internvl")
    pixels = family.model.processed([family.image])["pixel_values"]
    tower, heads = eager.model.vision_tower, eager.config.vision_config.num_attention_heads
    seen = []
    hook = tower.encoder.layer[2].attention.k_proj.register_forward_hook(lambda _, __, out: seen.append(out[0]))
    weights = [[] for _ in tower.encoder.layer]
    hooks = [
        layer.attention.register_forward_hook(lambda _, __, out, store=store: store.append(out[1][0]))
        for layer, store in zip(tower.encoder.layer, weights, strict=True)
    ]
    with torch.no_grad():
        out = eager.model.get_image_features(
            pixel_values=pixels, vision_feature_layer=-1, vision_feature_select_strategy="default"
        )
    for one in (hook, *hooks):
        one.remove()
    early, middle, late = (store[0].mean(0)[:, 1:] for store in weights)  # (queries, patches)
    keys = seen[0][1:].unflatten(-1, (heads, -1)).mean(1)
    encoded = family.model.encode([family.image])[0]
    assert encoded.grid == (5, 5)
    for row in range(5):
        for column in range(5):
            token, own = 5 * row + column, patches_of(row, column, 10)
            torch.testing.assert_close(encoded.saliency[token], late[0, own].mean())
            torch.testing.assert_close(encoded.received[token], late.mean(0)[own].mean())
            torch.testing.assert_close(encoded.early_saliency[token], early[0, own].mean())
            torch.testing.assert_close(encoded.middle_received[token], middle.mean(0)[own].mean())
            torch.testing.assert_close(encoded.keys[token], keys[own].mean(0))
    projected = getattr(out, "pooler_output", out)
    torch.testing.assert_close(family.model.visual_embeddings(encoded.features), projected[0])


def test_a_token_of_internvl_holds_the_patches_of_its_place(family):
    """The patches that pixel shuffle puts into a token are those of its block: the tower without its layers says so."""
    only(family, "internvl")
    tower = family.model.model.model.vision_tower
    encoder, tower.encoder.layer = tower.encoder.layer, torch.nn.ModuleList(tower.encoder.layer[:1])
    try:
        pixels = family.model.processed([family.image])["pixel_values"]
        states = tower(pixel_values=pixels).last_hidden_state[0, 1:]
        features = family.model._shuffled(tower(pixel_values=pixels).last_hidden_state)[0]
    finally:
        tower.encoder.layer = encoder
    for row in range(5):
        for column in range(5):
            expected = states[patches_of(row, column, 10)].flatten()
            torch.testing.assert_close(features[row, column], expected)


def test_internvl_with_the_decoder_of_3_5(tmp_path):
    """Compared with its own forward pass when it is loaded."""
    model = models.load(str(write_internvl(tmp_path, layers=2, decoder=Qwen3Config)), {})
    assert type(model.model.model.language_model).__name__ == "Qwen3Model"


def test_internvl_sees_one_tile(family):
    only(family, "internvl")
    wide = own_forward.picture().resize((300, 90))
    settings = json.loads((family.folder / "preprocessor_config.json").read_text())
    assert settings["crop_to_patches"]  # its processor alone would cut
    assert len(family.model.image_processor([wide], return_tensors="pt")["pixel_values"]) > 1
    assert len(family.model.encode([wide])[0].features) == family.model.tokens(wide.size) == 25
    frame = family.model.frame(wide.size)
    assert frame == pytest.approx((0, 0, 300, 90), abs=1)


def test_internvls_image_stands_between_its_own_tokens(family, monkeypatch):
    only(family, "internvl")
    image = "<img><IMG_CONTEXT></img>"
    assert family.model.text("why?").count(image) == 1 == family.model.text("why?").count("<img>")
    for prompt in ("{image} {question}", "<img>{image}</img> {question}"):
        monkeypatch.setitem(family.model.settings, "prompt", prompt)
        assert family.model.text("why?") == f"{image} why?"
    names = [family.model.tokenizer.convert_ids_to_tokens(i) for i in family.model.token_ids("hi")]
    assert names[:3] == ["<img>", "<IMG_CONTEXT>", "</img>"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"vision_feature_select_strategy": "full"}, "its tower's class token has no place on the grid"),
        ({"vision_feature_layer": -2}, "`vision_feature_layer` is -2, but only the last one, -1, is supported"),
        ({"vision_config": {"image_size": [72, 72]}}, r"its tiles of .72, 72. pixels do not make a square grid"),
    ],
)
def test_settings_of_internvls_tower(change, sentence, family, tmp_path):
    only(family, "internvl")
    folder = shutil.copytree(family.folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    vision = config["vision_config"] | change.get("vision_config", {})
    (folder / "config.json").write_text(json.dumps({**config, **change, "vision_config": vision}))
    (fault,) = model_faults("it", folder, {})
    assert re.search(sentence, fault)


RENAMED = {  # names in the hub's files and those that transformers has in memory, each as rules for the other
    "qwen2_vl": [(r"^model\.visual\.", "visual."), (r"^model\.language_model\.", "model.")],
    "qwen3_vl": [],
    "internvl": [
        (r"^model\.language_model\.", "language_model.model."),
        (r"^lm_head", "language_model.lm_head"),
        (r"^model\.(vision_tower|multi_modal_projector)\.", r"\1."),
    ],
}
INVERSE = {
    "qwen2_vl": [(r"^visual\.", "model.visual."), (r"^model\.(?=layers|norm|embed)", "model.language_model.")],
    "qwen3_vl": [],
    "internvl": [
        (r"^language_model\.model\.", "model.language_model."),
        (r"^language_model\.lm_head", "lm_head"),
        (r"^(vision_tower|multi_modal_projector)\.", r"model.\1."),
    ],
}


@pytest.mark.parametrize("rules", [RENAMED, INVERSE], ids=["older", "newer"])
def test_names_of_weights_in_older_and_newer_files(rules, family, tmp_path):
    folder = shutil.copytree(family.folder, tmp_path / "copy")
    weights = load_file(folder / "model.safetensors")
    for pattern, name in rules[family.model.model_type]:
        weights = {re.sub(pattern, name, key): value for key, value in weights.items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    loaded = dict(models.load(str(folder), {}).model.named_parameters())
    assert all(torch.equal(loaded[name], value) for name, value in family.model.model.named_parameters())


def test_a_flat_configuration_of_qwen2_vl(family, tmp_path):
    only(family, "qwen2_vl")
    folder = shutil.copytree(family.folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    text = config.pop("text_config")
    for key in ("rope_parameters", "layer_types", "model_type", "dtype", "architectures"):
        text.pop(key, None)
    config |= text | {"rope_theta": 1000000.0, "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}
    (folder / "config.json").write_text(json.dumps(config))
    assert models.load(str(folder), {}).depth == family.model.depth


def test_the_hubs_configuration_of_qwen3_vl(family, tmp_path):
    """Its tower has the model's own type, and RoPE's base stands beside `rope_scaling`."""
    only(family, "qwen3_vl")
    folder = shutil.copytree(family.folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    text, vision = config["text_config"], config["vision_config"]
    rope = text.pop("rope_parameters", None) or text["rope_scaling"]
    text["rope_theta"] = rope.pop("rope_theta", text.get("rope_theta"))
    text["rope_scaling"] = rope
    vision["model_type"] = "qwen3_vl"
    vision.pop("rope_parameters", None)
    (folder / "config.json").write_text(json.dumps(config))
    model = models.load(str(folder), {})
    trace = prefill(model.language_model, model.prompt(family.question, model.encode([family.image])[0]))
    ours = model.language_model.logits(trace.final()[-1]).softmax(-1)
    torch.testing.assert_close(ours, family.naive.probabilities(), atol=1e-4, rtol=0)


def test_llava_interleave_has_an_odd_grid_of_whole_patches(tmp_path):
    """384 pixels in patches of 14: 27 × 27 tokens cover 378 pixels; every patch is taken, none is a class token."""
    folder = write_interleave(tmp_path)
    assert model_faults("it", folder, {}) == []
    model = models.load(str(folder), {})  # compared with its own forward pass
    encoded = model.encode([own_forward.picture()])[0]
    assert encoded.grid == (27, 27) and model.tokens((10, 20)) == 729
    covered = 378 / 384
    assert encoded.frame == pytest.approx((0, 0, 448 * covered, 336 * covered), abs=2)
    trace = prefill(model.language_model, model.prompt("what is it?", encoded))
    rows = [[0, 1, 27, 28], [26, 53, 702, 728]]  # a window, and places on the odd edges
    whole = resume(trace, [0, 2], torch.tensor(rows)).final
    for row, (layer, kept) in enumerate(zip([0, 2], rows, strict=True)):
        expected = trace.prune(layer, torch.tensor(kept)).final()
        torch.testing.assert_close(whole[row], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", test_trace_view.SELECTORS)
def test_every_strategy(family, name):
    test_trace_view.test_every_strategy_on_every_architecture(family, name)


@pytest.mark.parametrize("kind", WRITERS)
def test_16_bit(kind, tmp_path):
    models.load(str(WRITERS[kind](tmp_path, layers=3)), {"dtype": "bfloat16"})
