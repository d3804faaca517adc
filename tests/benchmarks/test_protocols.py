"""Protocols: what each name means for each family, and fingerprints."""

from dataclasses import replace

import pytest

from infohorizon.benchmarks import create
from infohorizon.benchmarks.protocols import FAMILIES, PROTOCOLS, protocol, scorer_of


def settings(name, family, task="textvqa", **changes):
    found = protocol(name, family, task, 16, changes).as_dict()
    return {key: found[key] for key in ("form", "image", "ocr_tokens", "max_new_tokens", "repetition_penalty")}


@pytest.mark.parametrize(
    ("name", "family", "expected"),
    [
        ("llava", "llava", ("llava", "pad", True, 128, 1.0)),
        ("lmms-eval", "llava", ("lmms-eval", "pad", False, 512, 1.0)),
        ("lmms-eval", "qwen2_5_vl", ("lmms-eval", "processor", False, 512, "model")),
        ("vlmevalkit", "qwen2_5_vl", ("vlmevalkit", "processor", False, 512, 1.0)),
        ("vlmevalkit", "llava", ("vlmevalkit-llava", "pad", False, 512, 1.0)),
        ("paper", "llava", ("llava", "pad", True, 128, 1.0)),
        ("paper", "qwen2_5_vl", ("lmms-eval", "processor", False, 16, 1.0)),
        ("lmms-eval", "qwen3_vl", ("lmms-eval", "processor", False, 512, "model")),
        ("vlmevalkit", "qwen3_vl", ("vlmevalkit", "processor", False, 512, 1.0)),
        ("vlmevalkit", "internvl", ("vlmevalkit", "processor", False, 512, 1.0)),
        ("paper", "internvl", ("lmms-eval", "processor", False, 16, 1.0)),
    ],
)
def test_what_a_name_means(name, family, expected):
    assert tuple(settings(name, family).values()) == expected


def test_pixel_limits():
    limits = [(p.min_pixels, p.max_pixels) for p in (PROTOCOLS[n]["qwen2_5_vl"] for n in ("lmms-eval", "vlmevalkit"))]
    assert limits == [(200704, 1605632), (1003520, 12845056)]
    assert all(PROTOCOLS[name][square].max_pixels is None for name in PROTOCOLS for square in ("llava", "internvl"))
    assert PROTOCOLS["vlmevalkit"]["qwen3_vl"].max_pixels is None  # its processor's own
    assert PROTOCOLS["lmms-eval"]["qwen3_vl"].max_pixels == 1605632


def test_only_textvqa_quotes_ocr_tokens_and_a_tasks_own_length_stands():
    assert settings("llava", "llava", "docvqa")["ocr_tokens"] is False
    assert settings("llava", "llava", "reading")["max_new_tokens"] == 16
    assert settings("paper", "llava", ocr_tokens=False, max_new_tokens=3)["max_new_tokens"] == 3


def test_the_fingerprint_tells_settings_apart_and_ignores_the_name():
    first = protocol("paper", "llava", "textvqa", 16, {})
    assert first.fingerprint == protocol("llava", "llava", "textvqa", 16, {}).fingerprint
    assert len(first.fingerprint) == 8
    changes = {"form": "lmms-eval", "chat": "x", "image": "crop", "min_pixels": 1, "max_pixels": 2, "ocr_tokens": False}
    changes |= {"max_new_tokens": 5, "repetition_penalty": 1.1, "stop": "settled", "options": {"label": "capital"}}
    found = {replace(first, **{key: value}).fingerprint for key, value in changes.items()}
    assert len(found | {first.fingerprint}) == len(changes) + 1


def test_every_name_knows_every_family():
    assert all(set(families) == set(FAMILIES) for families in PROTOCOLS.values())


def test_lengths_and_pixels_of_single_benchmarks():
    lengths = {
        (name, family, task): protocol(name, family, task, 16, {}).max_new_tokens
        for name in PROTOCOLS
        for family in FAMILIES
        for task in ("mme", "mmbench", "chartqa")
    }
    assert lengths["llava", "llava", "mme"] == lengths["paper", "llava", "mme"] == 128
    assert lengths["llava", "llava", "mmbench"] == lengths["lmms-eval", "qwen2_5_vl", "mmbench"] == 512
    assert lengths["paper", "qwen2_5_vl", "mmbench"] == lengths["lmms-eval", "llava", "mme"] == 16
    assert lengths["vlmevalkit", "qwen2_5_vl", "chartqa"] == 512
    assert protocol("vlmevalkit", "qwen2_5_vl", "ocrbench", 128, {}).min_pixels == 78400
    assert protocol("lmms-eval", "qwen2_5_vl", "ocrbench", 128, {}).min_pixels == 200704


def test_every_scorer_that_a_protocol_names_is_one_of_the_tasks():
    named = {
        (name, family, task): scorer
        for name in PROTOCOLS
        for family in FAMILIES
        for task in ("mme", "pope", "gqa", "scienceqa", "textvqa", "mmbench")
        if (scorer := scorer_of(name, family, task))
    }
    assert named["paper", "llava", "gqa"] == "llava" and ("paper", "qwen2_5_vl", "pope") not in named
    assert named["lmms-eval", "llava", "pope"] == "lmms-eval"
    assert named["vlmevalkit", "qwen2_5_vl", "mme"] == "vlmevalkit"
    for (_, _, task), scorer in named.items():
        assert create(task, {"scorer": scorer}).scorer == scorer


def test_vlmevalkit_words_multiple_choice_for_llava_without_labels():
    row = {"question": "q?", "hint": "h", "options": ["None", "x"]}
    for task in ("mmbench", "scienceqa"):
        turn = create(task).prompt(row, "vlmevalkit-llava")
        assert turn == "h\nq?\nA. None\nB. x\nAnswer with the option's letter from the given choices directly."
