"""What is known of models and benchmarks before anything is downloaded: for plan and warnings, never for a result."""

from collections.abc import Mapping
from typing import Any, NamedTuple


def _decoder(
    hidden: int, ffn: int, layers: int, heads: int, kv_heads: int, vocabulary: int, **more: Any
) -> dict[str, Any]:
    return {
        "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "vocab_size": vocabulary, **more,
    }  # fmt: skip


def _model(kind: str, text: Mapping[str, Any], vision: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"model_type": kind, "text_config": dict(text), "vision_config": dict(vision), **more}


def _square(hidden: int, ffn: int, layers: int, image: int) -> dict[str, Any]:
    """A vision tower of 16 heads that sees squares of patches of 14 pixels."""
    return {
        "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers, "num_attention_heads": 16,
        "image_size": image, "patch_size": 14,
    }  # fmt: skip


def _qwen_tower(depth: int, patch: int, **more: Any) -> dict[str, Any]:
    return {"depth": depth, "num_heads": 16, "patch_size": patch, "spatial_merge_size": 2, **more}


def _deep_tower(depth: int, hidden: int, ffn: int, indexes: list[int]) -> dict[str, Any]:
    return _qwen_tower(depth, 16, hidden_size=hidden, intermediate_size=ffn, deepstack_visual_indexes=indexes)


CLIP, SIGLIP, INTERNVIT = _square(1024, 4096, 24, 336), _square(1152, 4304, 26, 384), _square(1024, 4096, 24, 448)
QWEN2 = _qwen_tower(32, 14, embed_dim=1280, mlp_ratio=4)
QWEN25, WIDER = (_qwen_tower(32, 14, hidden_size=1280, intermediate_size=ffn) for ffn in (3420, 3456))
QWEN_7B, QWEN3_8B = (3584, 18944, 28, 28, 4), (4096, 12288, 36, 32, 8)
TIED = {"tie_word_embeddings": True}
# Hub id → the part of its config.json that sets its cost.
MODELS: dict[str, dict[str, Any]] = {
    "llava-hf/llava-1.5-7b-hf": _model("llava", _decoder(4096, 11008, 32, 32, 32, 32064), CLIP),
    "llava-hf/llava-1.5-13b-hf": _model("llava", _decoder(5120, 13824, 40, 40, 40, 32064), CLIP),
    "llava-hf/llava-interleave-qwen-0.5b-hf": _model("llava", _decoder(1024, 2816, 24, 16, 16, 152000), SIGLIP, **TIED),
    "Qwen/Qwen2-VL-2B-Instruct": _model("qwen2_vl", _decoder(1536, 8960, 28, 12, 2, 151936), QWEN2, **TIED),
    "Qwen/Qwen2-VL-7B-Instruct": _model("qwen2_vl", _decoder(*QWEN_7B, 152064), QWEN2),
    "Qwen/Qwen2.5-VL-3B-Instruct": _model("qwen2_5_vl", _decoder(2048, 11008, 36, 16, 2, 151936), QWEN25, **TIED),
    "Qwen/Qwen2.5-VL-7B-Instruct": _model("qwen2_5_vl", _decoder(*QWEN_7B, 152064), QWEN25),
    "Qwen/Qwen2.5-VL-32B-Instruct": _model("qwen2_5_vl", _decoder(5120, 27648, 64, 40, 8, 152064), WIDER),
    "Qwen/Qwen2.5-VL-72B-Instruct": _model("qwen2_5_vl", _decoder(8192, 29568, 80, 64, 8, 152064), WIDER),
    "Qwen/Qwen3-VL-2B-Instruct": _model(
        "qwen3_vl",
        _decoder(2048, 6144, 28, 16, 8, 151936, head_dim=128),
        _deep_tower(24, 1024, 4096, [5, 11, 17]),
        **TIED,
    ),
    "Qwen/Qwen3-VL-4B-Instruct": _model(
        "qwen3_vl",
        _decoder(2560, 9728, 36, 32, 8, 151936, head_dim=128),
        _deep_tower(24, 1024, 4096, [5, 11, 17]),
        **TIED,
    ),
    "Qwen/Qwen3-VL-8B-Instruct": _model(
        "qwen3_vl", _decoder(*QWEN3_8B, 151936, head_dim=128), _deep_tower(27, 1152, 4304, [8, 16, 24])
    ),
    "OpenGVLab/InternVL3-1B-hf": _model(
        "internvl", _decoder(896, 4864, 24, 14, 2, 151674), INTERNVIT, downsample_ratio=0.5
    ),
    "OpenGVLab/InternVL3-8B-hf": _model("internvl", _decoder(*QWEN_7B, 151674), INTERNVIT, downsample_ratio=0.5),
    "OpenGVLab/InternVL3_5-8B-HF": _model(
        "internvl", _decoder(*QWEN3_8B, 151936, head_dim=128), INTERNVIT, downsample_ratio=0.5
    ),
}


class Size(NamedTuple):
    """A benchmark's split.

    Attributes:
        questions: rows, as the data set's card says (gqa: about).
        images: different images, from the benchmarks' papers, not counted here; for mmbench, ocrbench and scienceqa
            an upper bound.
        pixels: a typical image's; a guess from the kind of data (photographs, scans, charts).
        text: tokens after the image, prompt ending included; a guess.
        answer: generated tokens, the end of sequence included; a guess for a model that follows the prompt.
    """

    questions: int
    images: int
    pixels: int
    text: int
    answer: int

    @property
    def forced(self) -> int:
        """Tokens of a label but its last one, which follow the prompt where the whole label is measured: a label is
        taken to be as long as an answer without its end of sequence."""
        return max(0, self.answer - 2)


# Task → size of the split that config.yaml names; the rendered ones as mini/rendered/dataset.py draws them.
BENCHMARKS: dict[str, Size] = {
    "mme": Size(2374, 1187, 640 * 480, 45, 2),
    "textvqa": Size(5000, 3166, 1024 * 768, 90, 4),
    "scienceqa": Size(2017, 2017, 400 * 300, 130, 2),
    "pope": Size(9000, 500, 640 * 480, 35, 2),
    "mmbench": Size(4329, 1164, 512 * 384, 90, 2),
    "ocrbench": Size(1000, 1000, 800 * 600, 30, 10),
    "gqa": Size(12578, 398, 500 * 375, 35, 2),
    "docvqa": Size(5349, 1286, 1700 * 2200, 40, 8),
    "chartqa": Size(2500, 1509, 850 * 600, 40, 4),
    "knowledge": Size(400, 200, 96 * 96, 40, 2),
    "perception": Size(450, 150, 96 * 96, 30, 2),
    "reading": Size(400, 160, 96 * 96, 30, 4),
    "places": Size(321, 226, 96 * 96, 30, 4),
    "countries": Size(320, 160, 96 * 96, 30, 3),
    "digits": Size(360, 120, 96 * 96, 30, 2),
}
# A data set of which nothing is known yet.
UNKNOWN = Size(1000, 1000, 640 * 480, 40, 4)


def unlike(task: str, questions: int, limit: int | None) -> str | None:
    """What to say where a whole data set has another number of questions than its card; None where it fits.

    Published numbers of other versions do not compare: LLaVA's own POPE has 8910 questions, MMBench 20230712 has 4377.
    """
    known = BENCHMARKS.get(task)
    if known is None or limit is not None or questions == known.questions:
        return None
    return f"{questions} questions, where the data set that is usually published has {known.questions}"
