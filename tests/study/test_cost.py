"""Costs against numbers worked out by hand, and published mean tokens from the schedules of config.yaml."""

import json

import pytest
import torch
import yaml
from tiny_study import ROOT, SHAPE, configuration
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, LlamaConfig

from checkpoints import WRITERS
from infohorizon import models
from infohorizon.models import own_forward
from infohorizon.models.geometry import Geometry, geometry, kv_bytes
from infohorizon.study import cost
from infohorizon.study.catalogue import MODELS


def mean_tokens(stages, count, depth):
    return sum(cost.present_tokens(stages, count, depth)) / depth


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("divprune-random-192", 191.75),
        ("divprune-random-64", 63.75),
        ("dart-random-192", 192.0),
        ("dart-random-64", 63.75),
        ("divprune-drop-192", 177.5),
        ("divprune-drop-64", 64.3125),
        ("dart-drop-192", 190.375),
        ("dart-drop-64", 64.875),
        ("vscan-64", 64.0),
        ("apet-64", 64.0),
        ("cdpruner-64", 64.0),
        ("v2drop", 202.5),
        ("transprune", 236.25),
        ("entropyprune-192", 191.625),
    ],
)
def test_mean_tokens_of_published_schedules(name, mean):
    stages = configuration()["schedules"][name]["stages"]
    assert mean_tokens(stages, 576, 32) == mean


def test_baselines_of_the_papers_study_have_about_the_same_mean():
    study = yaml.safe_load((ROOT / "studies/paper.yaml").read_text())
    schedules = configuration()["schedules"] | study["schedules"]
    for name in set(study["schedule_run"]["names"]) - {"divprune-drop-192"}:  # 177.5 in the paper as well
        if baseline := schedules[name].get("baseline"):
            means = [mean_tokens(schedules[s]["stages"], 576, 32) for s in (name, baseline)]
            assert means[0] == pytest.approx(means[1], abs=2.5), name


@pytest.mark.parametrize("name", ["divprune-50", "divprune-random-50", "dart-50", "dart-random-50"])
def test_half_of_the_tokens_on_qwen(name):
    stages = yaml.safe_load((ROOT / "studies/paper.yaml").read_text())["schedules"][name]["stages"]
    assert mean_tokens(stages, 1000, 28) == pytest.approx(500, abs=1)


def test_a_stage_cannot_bring_tokens_back():
    assert cost.present_tokens([[1, "random", 4], [2, "random", 6], [3, "drop-all", 0]], 9, 5) == [9, 4, 4, 0, 0]


def test_flops_of_a_layer():
    # projections 2·(2·5·16 + 2·5·4·2) = 480, attention 4·5·(7 + 3)·4 = 800, FFN 6·5·4·8 = 960
    assert cost.layer_flops(SHAPE, 5, 7) == 2240
    assert cost.layer_flops(SHAPE, 5) == 480 + 240 + 960


def test_tokens_cost_the_same_at_once_and_one_after_another():
    assert cost.layer_flops(SHAPE, 5, 7) == sum(cost.layer_flops(SHAPE, 1, 7 + i) for i in range(5))


@pytest.mark.parametrize("head", [8, 12])
def test_flops_of_a_token_are_those_that_torch_counts(head):
    """One new token after 7 cached ones, in a real decoder layer with grouped key/value heads (of another width)."""
    model = AutoModelForCausalLM.from_config(
        LlamaConfig(
            vocab_size=10,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=head,
            attn_implementation="eager",
        )
    )
    shape = Geometry(1, 32, 48, 2 * head, 10, 0, 1, None, 9, 0, 0, query_width=4 * head)
    cache = model(torch.arange(7)[None]).past_key_values
    with FlopCounterMode(display=False) as counter:
        model(torch.tensor([[1]]), past_key_values=cache)
    assert counter.get_total_flops() == cost.layer_flops(shape, 1, 7) + cost.head_flops(shape)


def test_flops_of_the_last_layer():
    # projections of all tokens as elsewhere; one query that sees 12 tokens: 4·12·4; one token through the FFN: 6·4·8
    assert cost.last_layer_flops(SHAPE, 5, 7) == 480 + 192 + 192
    # the last two see 11 and 12
    assert cost.last_layer_flops(SHAPE, 5, 7, read=2) == 480 + 4 * 23 * 4 + 2 * 192
    assert cost.last_layer_flops(SHAPE, 5, 7, read=5) == cost.layer_flops(SHAPE, 5, 7)


def test_flops_of_a_prefill_and_of_a_resume():
    assert cost.prefill_flops(SHAPE, 5) == 2 * 1680 + (480 + 80 + 192) + 2 * 4 * 10
    assert cost.resume_flops(SHAPE, layer=2, new=5, cached=7) == 480 + 192 + 192 + 80
    assert cost.resume_flops(SHAPE, 0, 5, 0, read=2) == cost.prefill_flops(SHAPE, 5, 2)
    assert cost.vision_flops(SHAPE, 9) == 2 * 100 * 9


def test_bytes():
    assert kv_bytes(SHAPE, 5, element=2) == 2 * 5 * 2 * 3 * 2
    # inputs of 3 layers in fp32, keys and values, queries of 2 suffix tokens
    assert cost.trace_bytes(SHAPE, 5, 2, element=2) == 5 * 4 * 3 * 4 + 120 + 2 * 4 * 3 * 2
    # a layer: 2·16 + 2·4·2 + 3·4·8 = 144; embedding and head 40 each; a second head in fp32
    assert SHAPE.parameters == 3 * 144 + 80 + 100
    assert cost.weight_bytes(SHAPE, 2) == 612 * 2 + 160
    assert cost.weight_bytes(SHAPE, 4) == 612 * 4
    assert cost.image_bytes(SHAPE, 9, 2) == 9 * (8 * 2 + 16)
    assert cost.image_bytes(SHAPE, 9, 8) == 9 * (8 * 4 + 16)  # the table holds at most fp32


@pytest.mark.parametrize(
    ("source", "billions"),
    [
        ("llava-hf/llava-1.5-7b-hf", 7.06),
        ("llava-hf/llava-1.5-13b-hf", 13.35),
        ("Qwen/Qwen2-VL-2B-Instruct", 2.21),
        ("Qwen/Qwen2-VL-7B-Instruct", 8.29),
        ("Qwen/Qwen2.5-VL-3B-Instruct", 3.75),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 8.29),
        ("Qwen/Qwen2.5-VL-32B-Instruct", 33.5),
        ("Qwen/Qwen2.5-VL-72B-Instruct", 73.4),
        ("Qwen/Qwen3-VL-2B-Instruct", 2.13),
        ("Qwen/Qwen3-VL-4B-Instruct", 4.44),
        ("Qwen/Qwen3-VL-8B-Instruct", 8.77),
        ("OpenGVLab/InternVL3-1B-hf", 0.938),
        ("OpenGVLab/InternVL3-8B-hf", 7.94),
        ("OpenGVLab/InternVL3_5-8B-HF", 8.53),
    ],
)
def test_catalogue_has_the_published_numbers_of_parameters(source, billions):
    assert geometry(MODELS[source]).parameters / 1e9 == pytest.approx(billions, rel=0.01)


def test_visual_tokens():
    llava, qwen, qwen3, internvl, interleave = (
        geometry(MODELS[name])
        for name in (
            "llava-hf/llava-1.5-7b-hf",
            "Qwen/Qwen2.5-VL-7B-Instruct",
            "Qwen/Qwen3-VL-8B-Instruct",
            "OpenGVLab/InternVL3-8B-hf",
            "llava-hf/llava-interleave-qwen-0.5b-hf",
        )
    )
    assert (internvl.square, interleave.square) == (256, 729)
    assert cost.visual_tokens(qwen3, 640 * 480) == 300 and cost.visual_tokens(qwen3, 1) == 64
    assert cost.visual_tokens(llava, 10) == cost.visual_tokens(llava, 10**7) == 576
    assert cost.visual_tokens(qwen, 640 * 480) == 392
    assert cost.visual_tokens(qwen, 10**8, 200704, 1605632) == 2048
    assert cost.visual_tokens(qwen, 1, 200704, 1605632) == 256


def test_geometry_of_the_hubs_own_config():
    hub = {
        "text_config": {"model_type": "llama", "vocab_size": 32064},
        "vision_config": MODELS["llava-hf/llava-1.5-7b-hf"]["vision_config"],
    }
    assert geometry(hub) == geometry(MODELS["llava-hf/llava-1.5-7b-hf"])
    known = MODELS["Qwen/Qwen2.5-VL-7B-Instruct"]
    flat = {**known["text_config"], "vision_config": known["vision_config"]}
    assert geometry(flat) == geometry(known)


@pytest.mark.parametrize("kind", ["llava", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl"])
def test_geometry_is_that_of_the_class(kind, tmp_path):
    """Widths and counts from a config.json against the parameters and the table row of the model that it makes."""
    folder = WRITERS[kind](tmp_path)
    shape = geometry(json.loads((folder / "config.json").read_text()))
    model = models.load(str(folder), {})
    encoded = model.encode([own_forward.picture()])[0]
    assert (encoded.features.shape[1], encoded.keys.shape[1]) == (shape.feature_width, shape.key_width)
    layer = model.language_model.layers[0]
    assert layer.self_attn.q_proj.weight.shape == (shape.attention_width, shape.width)
    assert layer.self_attn.k_proj.weight.shape == (shape.kv_width, shape.width)
    assert (shape.layers, shape.vocabulary) == (model.depth, len(model.language_model.embed.weight))
    if shape.square:
        assert shape.square == model.tokens((9, 9))
    matrices = sum(p.numel() for name, p in model.model.named_parameters() if p.ndim == 2 and "embed" not in name)
    assert matrices == shape.parameters - shape.vocabulary * shape.width
