"""What is known of models and benchmarks before anything is downloaded: for plan and warnings, never for a result."""

from typing import Any, NamedTuple


def _llava(hidden_size: int, intermediate_size: int, layers: int, heads: int) -> dict[str, Any]:
    text = {"hidden_size": hidden_size, "intermediate_size": intermediate_size, "num_hidden_layers": layers}
    clip = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    return {
        "model_type": "llava",
        "text_config": {**text, "num_attention_heads": heads, "vocab_size": 32064},
        "vision_config": {**clip, "image_size": 336, "patch_size": 14},
    }


def _qwen(
    hidden_size: int, intermediate_size: int, layers: int, heads: int, kv_heads: int, vocab: int
) -> dict[str, Any]:
    text = {"hidden_size": hidden_size, "intermediate_size": intermediate_size, "num_hidden_layers": layers}
    tower = {"hidden_size": 1280, "intermediate_size": 3420, "depth": 32, "num_heads": 16}
    return {
        "model_type": "qwen2_5_vl",
        "text_config": {**text, "num_attention_heads": heads, "num_key_value_heads": kv_heads, "vocab_size": vocab},
        "vision_config": {**tower, "patch_size": 14, "spatial_merge_size": 2},
    }


# Hub id → the part of its config.json that sets its cost.
MODELS: dict[str, dict[str, Any]] = {
    "llava-hf/llava-1.5-7b-hf": _llava(4096, 11008, 32, 32),
    "llava-hf/llava-1.5-13b-hf": _llava(5120, 13824, 40, 40),
    "Qwen/Qwen2.5-VL-7B-Instruct": _qwen(3584, 18944, 28, 28, 4, 152064),
    "Qwen/Qwen2.5-VL-3B-Instruct": _qwen(2048, 11008, 36, 16, 2, 151936),
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
