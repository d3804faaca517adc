"""Every model is compared with its own forward pass when it is loaded: real classes as tiny random checkpoints."""

import json

import pytest
import torch
import transformers as hf

from checkpoints import write_llava, write_qwen
from infohorizon import models
from infohorizon.engine import decoding, prefill
from infohorizon.errors import UserError
from infohorizon.models import own_forward
from infohorizon.models.preflight import question_faults

TOKENS = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}
LONGROPE = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0] * 4}
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0}
# transformers 4.57 gives these an attention, experts or an embedding of another form, which is refused at loading.
OLD = int(hf.__version__.split(".")[0]) < 5
REFUSED_BY_OLD = {
    hf.StableLmConfig: "its decoder's attention cannot be replaced",
    hf.MixtralConfig: "MixtralModel cannot be run layer by layer",
    hf.GemmaConfig: "its decoder GemmaModel gives other probabilities",
}
SHORT_QWEN = {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 2}


def rope(parameters):
    """Settings of a rotary embedding under the name that this version of transformers has for them."""
    return {"rope_scaling": parameters} if OLD else {"rope_parameters": {**parameters, "rope_theta": 1e4}}


def phi3(original):
    factors = {name: factor for name, factor in LONGROPE.items() if name != "rope_type"}
    scaling = {"rope_scaling": {"type": "longrope", **factors}}
    return {
        "decoder": hf.Phi3Config,
        "max_position_embeddings": 2 * original,
        "original_max_position_embeddings": original,
        **(scaling if OLD else rope({**LONGROPE, "original_max_position_embeddings": original})),
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
    folder = str(write(tmp_path, **settings))
    if OLD and (sentence := REFUSED_BY_OLD.get(settings["decoder"])):
        with pytest.raises(UserError, match=sentence):
            models.load(folder, {})
        return
    assert own_forward.differences(models.load(folder, {})).max() < 1e-4


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
        (
            rope(DYNAMIC),
            "and 512 places for its answer, but its rotary embedding of type 'dynamic', which depends on",
        ),
        (phi3(original=64), "its rotary embedding of type 'longrope', which depends on the length, allows 64 at most"),
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
        {"max_position_embeddings": 256, **rope(DYNAMIC)},
        phi3(original=128),
    ],
    ids=lambda settings: settings.get("decoder", hf.LlamaConfig).__name__,
)
def test_the_comparison_alone_catches_what_is_also_refused_by_name(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(own_forward, "faults_of", lambda model: [])
    monkeypatch.setattr("infohorizon.engine.LanguageModel.check_length", lambda *_: None)
    with pytest.raises(UserError, match=r"gives other probabilities than its own forward pass, by up to 0\.\d+ "):
        models.load(str(write(tmp_path, **settings)), {})


def soft_caps(cap):
    """Llama's own eager attention with soft caps on its logits, and nothing else that differs."""

    def attend(module, query, key, value, attention_mask, scaling, dropout=0.0, **_):
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        logits = cap * torch.tanh(query @ key.transpose(2, 3) * scaling / cap)
        weights = (logits + attention_mask[..., : key.shape[2]]).softmax(-1)
        return (weights @ value).transpose(1, 2).contiguous(), weights

    return attend


@pytest.mark.parametrize(("cap", "agrees"), [(1e4, True), (0.5, False)])
def test_soft_caps_alone_are_found_out(cap, agrees, tmp_path, monkeypatch):
    from transformers.models.llama import modeling_llama

    monkeypatch.setattr(modeling_llama, "eager_attention_forward", soft_caps(cap))
    folder = str(write(tmp_path))
    if agrees:
        models.load(folder, {})
        return
    with pytest.raises(UserError, match="LlamaModel gives other probabilities than its own forward pass, by up to"):
        models.load(folder, {})


def test_an_answer_that_would_leave_the_sliding_window_is_refused_before_it_runs(tmp_path):
    folder, question = write(tmp_path, decoder=hf.MistralConfig, sliding_window=200), "what is it? " * 10
    model = models.load(str(folder), {})
    image = own_forward.picture()
    length = len(model.token_ids(question)) - 1 + model.tokens(image.size)
    room = 200 - length
    assert 0 < room < 100
    row = {"question_id": "q", "image_id": "i", "question": question, "label": "x"}
    encoded = model.encode([image])[0]
    for answer, sentence in (
        (room, None),
        (room + 1, f"a prompt has {length} tokens and {room + 1} places for its answer, but the sliding window"),
    ):
        model.settings = {"max_new_tokens": answer}
        faults = list(question_faults(model, [row], {"i": image.size}))
        assert [sentence in fault for fault in faults] == ([True] if sentence else [])
        if sentence:
            with pytest.raises(UserError, match=sentence):
                model.prompt(question, encoded)
        model.prompt(question, encoded, forced=[5] * min(room, 20))  # a label is no longer than it is


def test_a_prompt_beyond_the_original_context_of_longrope_is_refused(tmp_path):
    model = models.load(str(write(tmp_path, **phi3(original=800))), {})
    encoded = model.encode([own_forward.picture()])[0]
    model.prompt("what? " * 10, encoded)
    with pytest.raises(UserError, match="'longrope', which depends on the length, allows 800 at most"):
        model.prompt("what? " * 60, encoded)


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


def test_answers_are_decoded_as_the_model_itself_would(case, monkeypatch):
    """Steps of one token have places and caches of their own; here all of them come too early."""
    made = decoding.Group.__init__
    monkeypatch.setattr(decoding.Group, "__init__", lambda self, *group: made(self, *group[:-1], group[-1] - 1))
    *passes, decoded = own_forward.differences(case.model)
    assert torch.stack(passes).max() < 1e-4
    assert decoded[0] < 1e-4 < decoded[1:].min()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_compiled_layers_that_decode_something_else_are_refused(case, monkeypatch, dtype):
    """Their steps of one token alone are wrong."""
    model = models.load(str(case.folder), {"dtype": dtype})
    run = decoding.run_layer

    def spoiled(layer, x, rope, cache):
        return run(layer, x, rope, cache) * 3 + layer.input_layernorm.weight

    monkeypatch.setattr(own_forward, "compile_layers", lambda _: monkeypatch.setattr(decoding, "run_layer", spoiled))
    with pytest.raises(UserError, match="compiled layers give other probabilities"):
        own_forward.compile_checked("m", model)


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
