"""Every model is compared with its own forward pass when it is loaded: real classes as tiny random checkpoints."""

import json

import pytest
import torch
import transformers as hf

from checkpoints import write_llava, write_qwen
from infohorizon import models
from infohorizon.engine import prefill
from infohorizon.errors import UserError
from infohorizon.models import own_forward

TOKENS = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}
LONGROPE = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "rope_theta": 1e4}
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4}
SHORT_QWEN = {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 2}


def phi3(original):
    rope = {**LONGROPE, "original_max_position_embeddings": original}
    return {
        "decoder": hf.Phi3Config,
        "max_position_embeddings": 2 * original,
        "original_max_position_embeddings": original,
        "rope_parameters": rope,
    }


def write(folder, decoder=hf.LlamaConfig, **settings):
    return write_llava(folder, decoder=decoder, **(TOKENS if decoder is not hf.LlamaConfig else {}), **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"decoder": hf.Qwen2Config},
        {"decoder": hf.Qwen3Config, "head_dim": 8},
        {"decoder": hf.MistralConfig, "sliding_window": 256},
        {"decoder": hf.Phi3Config},
        {"decoder": hf.StableLmConfig},
        {"decoder": hf.MixtralConfig, "num_local_experts": 4},
        {"decoder": hf.GemmaConfig, "head_dim": 8},
        phi3(original=4096),
    ],
    ids=lambda settings: settings["decoder"].__name__,
)
def test_decoders_that_agree(settings, tmp_path):
    model = models.load(str(write(tmp_path, **settings)), {})
    assert own_forward.largest_difference(model) < 1e-4


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"decoder": hf.Gemma2Config, "head_dim": 8},
            "Gemma2Model cannot be run layer by layer: Gemma2DecoderLayer",
        ),
        ({"decoder": hf.Gemma3TextConfig, "head_dim": 8}, "Gemma3TextModel cannot be run layer by layer"),
        ({"decoder": hf.CohereConfig}, "CohereModel cannot be run layer by layer: .* in post_attention_layernorm"),
        (
            {"decoder": hf.Olmo2Config},
            "Olmo2Model cannot be run layer by layer: .* input_layernorm, post_feed",
        ),
        ({"decoder": hf.GraniteConfig, "embedding_multiplier": 12.0}, "its decoder GraniteModel gives other probabil"),
        (
            {"decoder": hf.GraniteConfig, "residual_multiplier": 0.3},
            "its decoder GraniteModel gives other probabilities",
        ),
        ({"decoder": hf.MistralConfig, "sliding_window": 20}, "the sliding window of its attention allows 20 at most"),
        ({"decoder": hf.Qwen2Config, **SHORT_QWEN}, "the sliding window of its attention allows 16 at most"),
        ({"rope_parameters": DYNAMIC}, "its rotary embedding of type 'dynamic', which depends on the length, allows 0"),
        (phi3(original=64), "its rotary embedding of type 'longrope', which depends on the length, allows 0 at most"),
    ],
    ids=lambda value: value.get("decoder", hf.LlamaConfig).__name__ if isinstance(value, dict) else "",
)
def test_decoders_that_do_more_than_run_their_layers(settings, sentence, tmp_path):
    with pytest.raises(UserError, match=rf"^model {tmp_path}: .*{sentence}") as caught:
        models.load(str(write(tmp_path, **settings)), {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"decoder": hf.Gemma2Config, "head_dim": 8, "final_logit_softcapping": None, "attn_logit_softcapping": 0.5},
        {"decoder": hf.GraniteConfig, "embedding_multiplier": 12.0},
        {"decoder": hf.MistralConfig, "sliding_window": 20},
        {"decoder": hf.Qwen2Config, **SHORT_QWEN},
        {"max_position_embeddings": 256, "rope_parameters": DYNAMIC},
        phi3(original=128),
    ],
    ids=lambda settings: settings.get("decoder", hf.LlamaConfig).__name__,
)
def test_the_comparison_alone_catches_what_is_also_refused_by_name(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(own_forward, "faults_of", lambda model: [])
    monkeypatch.setattr("infohorizon.engine.LanguageModel.check_length", lambda self, tokens: None)
    with pytest.raises(UserError, match=r"gives other probabilities than its own forward pass, by up to 0\.\d+ "):
        models.load(str(write(tmp_path, **settings)), {})


def test_a_sliding_window_of_qwen2_5_vl(tmp_path):
    write_qwen(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    config["text_config"] |= {**SHORT_QWEN, "layer_types": None}
    file.write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"a prompt has .* tokens, but the sliding window of its attention allows 16"):
        models.load(str(tmp_path), {})


def test_embeddings_that_the_decoder_scales(case):
    """As Gemma's decoder does in transformers 4.57: its own pass multiplies, the layers alone do not."""
    decoder = case.model.model.model.language_model
    name = "inputs_embeds"
    hook = decoder.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {**kwargs, name: kwargs[name] * 7}), with_kwargs=True
    )
    try:
        with pytest.raises(UserError, match=r"model it: running the layers of its decoder .*Model gives other"):
            own_forward.check("it", case.model)
    finally:
        hook.remove()


@pytest.mark.parametrize("token", ["<pad>", "x"])
def test_a_wrong_image_token(token, tmp_path):
    write_llava(tmp_path)
    file = tmp_path / "config.json"
    vocabulary = json.loads((tmp_path / "tokenizer.json").read_text())["model"]["vocab"]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"image_token_id": vocabulary[token]}))
    with pytest.raises(UserError, match=rf"holds {token}, the `image_token_id` of config\.json, 0 times: correct"):
        models.load(str(tmp_path), {})


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_rounding_in_16_bit_is_no_difference(dtype, case):
    models.load(str(case.folder), {"dtype": dtype})


def enlarge(model, factor):
    """Down-projections that overflow float16 but not float32."""
    for layer in model.model.language_model.layers:
        layer.mlp.down_proj.weight.mul_(factor)


def test_values_that_overflow_are_said_at_the_first_question(case, tmp_path):
    model = models.load(str(case.folder), {"dtype": "float16"})
    with torch.no_grad():
        enlarge(model.model, 6e4)
    with pytest.raises(UserError, match="values that are not finite in float16: set `dtype: bfloat16` or float32"):
        own_forward.check("it", model)
    with pytest.raises(UserError, match="values that are not finite in float16"):
        prefill(model.language_model, model.prompt("what?", case.encoded)).final()
