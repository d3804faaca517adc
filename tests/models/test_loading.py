"""Checkpoints as the hub has them, and folders that hold none: loaded alike, or refused in one sentence."""

import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from checkpoints import image_in_prompt
from infohorizon import models
from infohorizon.engine import prefill
from infohorizon.errors import UserError

# (names in a checkpoint saved today, names in the hub's) and the layout that transformers has in memory
OLD = {
    "llava": [(r"^vision_tower\.(?!vision_model)", "vision_tower.vision_model.")],
    "qwen2_5_vl": [],
}
NEW = {
    "llava": [
        (r"^language_model\.model\.", "model.language_model."),
        (r"^language_model\.lm_head", "lm_head"),
        (r"^(vision_tower|multi_modal_projector)\.", r"model.\1."),
    ],
    "qwen2_5_vl": [(r"^visual\.", "model.visual."), (r"^model\.(?=layers|norm|embed)", "model.language_model.")],
}
HUB_NAMES = {  # a name of each part, as the hub's model.safetensors.index.json lists them
    "llava": [
        "language_model.lm_head.weight",
        "language_model.model.embed_tokens.weight",
        "language_model.model.layers.0.self_attn.q_proj.weight",
        "multi_modal_projector.linear_1.weight",
        "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.weight",
    ],
    "qwen2_5_vl": [
        "lm_head.weight",
        "model.embed_tokens.weight",
        "model.layers.0.self_attn.q_proj.bias",
        "visual.blocks.0.attn.qkv.weight",
        "visual.merger.mlp.0.weight",
    ],
}


@pytest.fixture
def folder(case, tmp_path):
    """A copy of the case's checkpoint."""
    return shutil.copytree(case.folder, tmp_path / "copy")


def rename(folder, rules):
    """Rewrite the names in a checkpoint; give the new ones."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    for pattern, name in rules:
        weights = {re.sub(pattern, name, key): value for key, value in weights.items()}
    save_file(weights, file, {"format": "pt"})
    return weights


def edit(folder, change):
    """Change config.json in place."""
    file = folder / "config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))


def answer(model, case):
    """Image → first-token logits: every part of the checkpoint takes part."""
    encoded = model.encode([case.image])[0]
    return model.language_model.logits(prefill(model.language_model, model.prompt(case.question, encoded)).final())


def assert_same_model(model, case):
    """Equal weights. Answers may differ in the last bits: weights are mapped from the file, at its own alignment."""
    expected = dict(case.model.model.named_parameters())
    found = dict(model.model.named_parameters())
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert torch.allclose(answer(model, case), answer(case.model, case), atol=1e-4)


def test_the_hubs_names_of_weights(case, folder):
    kind = case.model.model_type
    assert set(HUB_NAMES[kind]) <= set(rename(folder, OLD[kind]))
    assert_same_model(models.load(str(folder), {}), case)


def test_todays_names_of_weights(case, folder):
    names = rename(folder, NEW[case.model.model_type])
    assert any(name.startswith("model.language_model.layers.0.") for name in names)
    assert_same_model(models.load(str(folder), {}), case)


def test_the_hubs_own_config(case, folder):
    """LLaVA's says only what differs from Llama's defaults; Qwen2.5-VL's is flat and calls its RoPE `rope_scaling`."""

    def llava(config):
        defaults = {"hidden_act": "silu", "rms_norm_eps": 1e-6, "attention_bias": False, "pretraining_tp": 1}
        for key, value in defaults.items():
            assert config["text_config"].pop(key) == value
        config["text_config"].pop("rope_parameters", None)
        config |= {"ignore_index": -100, "vocab_size": config["text_config"]["vocab_size"], "torch_dtype": "float32"}
        config["image_token_index"] = config.pop("image_token_id", config.get("image_token_index"))

    def qwen(config):
        text = config.pop("text_config")
        for key in ("rope_parameters", "layer_types", "model_type", "dtype", "architectures"):
            text.pop(key, None)
        config |= text | {"rope_theta": 1000000.0, "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}
        config["vision_config"].pop("rope_parameters", None)

    edit(folder, llava if case.model.model_type == "llava" else qwen)
    assert_same_model(models.load(str(folder), {}), case)


def test_a_template_that_only_the_processor_has(case, folder):
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    template = f"P {image_in_prompt(case.model)} {{{{ messages[0]['content'][1]['text'] }}}}"
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    assert models.load(str(folder), {}).text("hi") == f"P {image_in_prompt(case.model)} hi"


def cut(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def pickled(folder):
    file = folder / "model.safetensors"
    torch.save(load_file(file), folder / "pytorch_model.bin")
    file.unlink()


def without_one(folder):
    file = folder / "model.safetensors"
    weights = load_file(file)
    del weights[next(name for name in weights if name.endswith("q_proj.weight"))]
    save_file(weights, file, {"format": "pt"})


def misshapen(folder):
    file = folder / "model.safetensors"
    weights = load_file(file)
    name = next(name for name in weights if name.endswith("q_proj.weight"))
    save_file({**weights, name: torch.zeros(3, 3)}, file, {"format": "pt"})


def no_tokenizer(folder):
    for file in folder.glob("*token*"):
        file.unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (shutil.rmtree, "holds no model: it needs a config.json"),
        (lambda f: (f / "config.json").unlink(), "holds no model: it needs a config.json"),
        (lambda f: (f / "config.json").write_text("{"), "holds no model: it needs a config.json"),
        (
            lambda f: edit(f, lambda c: c.pop("model_type")),
            "holds no model: it needs a config.json with a `model_type`",
        ),
        (lambda f: edit(f, lambda c: c.update(model_type="bert")), "is of type 'bert'; known are internvl, llava, "),
        (lambda f: edit(f, lambda c: c.update(model_type="new")), "is of type 'new'; known are internvl, llava, "),
        (cut, r"a safetensors file is damaged \(.*\): fetch it again\.$"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), r"a safetensors file is damaged"),
        (lambda f: (f / "model.safetensors").unlink(), "has no safetensors weights; pickled ones"),
        (pickled, r"has no safetensors weights; pickled ones \(\*\.bin\) are not read\.$"),
        (without_one, "weights are missing or of another shape than config.json says, .*q_proj.weight among 1"),
        (misshapen, "weights are missing or of another shape than config.json says, .*q_proj.weight among 1"),
        (no_tokenizer, r"its tokenizer (could not be loaded \(.*\)\.|does not know the image token: are its .*)$"),
        (lambda f: (f / "preprocessor_config.json").unlink(), r"its image processor could not be loaded \(.*\)\.$"),
    ],
)
def test_what_is_no_model(damage, sentence, folder):
    damage(folder)
    with pytest.raises(UserError, match=sentence) as caught:
        models.load(str(folder), {})
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_pickled_weights_are_refused_before_they_are_opened(folder, monkeypatch):
    pickled(folder)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(UserError, match="pickled ones"):
        models.load(str(folder), {})


def test_a_device_that_is_not_there(folder):
    with pytest.raises(UserError, match=r"its weights on device 'cudaa' could not be loaded \(.*\)\.$"):
        models.load(str(folder), {"device": "cudaa"})
