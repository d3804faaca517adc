"""Which protocol a configuration gives a model on a benchmark."""

import json
from pathlib import Path

import pytest
import yaml

from infohorizon.errors import UserError
from infohorizon.study.protocols import family_of, protocol_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["models"]["mine"] = {"source": "org/mine", "type": "llava"}
    return config


def test_the_shipped_models_are_asked_as_in_the_paper(config):
    llava, qwen = (protocol_of(config, model, "textvqa") for model in ("llava-1.5-7b", "qwen2.5-vl-7b"))
    assert (llava["name"], llava["image"], llava["ocr_tokens"], llava["chat"]) == ("paper", "pad", True, "vicuna_v1")
    assert (qwen["image"], qwen["ocr_tokens"], qwen["max_pixels"]) == ("processor", False, 1605632)
    assert not protocol_of(config, "llava-1.5-7b", "textvqa-no-ocr")["ocr_tokens"]
    assert protocol_of(config, "mini-llava", "reading")["max_new_tokens"] == 8


def test_the_benchmark_has_the_last_word_then_the_model_then_the_name(config):
    config["models"]["mine"]["protocol"] = {"name": "lmms-eval", "image": "crop", "max_new_tokens": 7}
    config["benchmarks"]["mme"]["protocol"] = {"max_new_tokens": 9, "repetition_penalty": 1.2}
    found = protocol_of(config, "mine", "mme")
    assert (found["name"], found["form"], found["image"]) == ("lmms-eval", "lmms-eval", "crop")
    assert (found["max_new_tokens"], found["repetition_penalty"]) == (9, 1.2)
    config["models"]["mine"]["protocol"] = "vlmevalkit"
    assert protocol_of(config, "mine", "pope")["form"] == "vlmevalkit-llava"
    config["benchmarks"]["pope"]["protocol"] = {"name": "llava"}
    assert protocol_of(config, "mine", "pope")["form"] == "llava"


def test_it_is_plain_data(config):
    found = protocol_of(config, "mine", "textvqa")
    assert json.loads(json.dumps(found)) == found
    assert found["options"] == {"label": "normal"}
    config["benchmarks"]["textvqa"]["options"] = {"label": "capital"}
    assert protocol_of(config, "mine", "textvqa")["fingerprint"] != found["fingerprint"]


def test_what_is_refused(config):
    config["models"]["mine"]["protocol"] = "llama"
    with pytest.raises(UserError, match=r"models\.mine\.protocol: there is no 'llama': did you mean 'llava'\?"):
        protocol_of(config, "mine", "mme")
    config["models"]["mine"] = {"source": "org/mine"}
    with pytest.raises(UserError, match=r"models\.mine\.type: the type of org/mine is not known, and protocols differ"):
        family_of("mine", config["models"]["mine"])
    config["models"]["mine"] = {"source": "org/mine", "type": "qwen2_5_vl", "min_pixels": 9e9}
    with pytest.raises(UserError, match=r"models\.mine on mme: min_pixels \(.*\) exceeds max_pixels \(1605632\)"):
        protocol_of(config, "mine", "mme")


def test_the_benchmarks_scorer_goes_before_the_protocols(config):
    config["models"]["mine"]["protocol"] = "vlmevalkit"
    named = protocol_of(config, "mine", "pope")
    assert named["options"] == {"scorer": "vlmevalkit"}
    config["benchmarks"]["pope"]["options"] = {"scorer": "pope"}
    chosen = protocol_of(config, "mine", "pope")
    assert chosen["options"] == {"scorer": "pope"} and chosen["fingerprint"] != named["fingerprint"]
    config["models"]["mine"]["protocol"] = "paper"
    assert protocol_of(config, "mine", "gqa")["options"]["scorer"] == "llava"
