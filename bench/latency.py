"""Time of generate on plain transformers models, unpruned and inside `prune`: prefill, decoding, selection, as ratios.

    python bench/latency.py [--layers 4] [--width 4096] [--answer 16] [--repeats 3]

The bundled mini-llava on one picture, and a random model of LLaVA-1.5-7B's geometry with few layers (at least 4; 576
visual tokens; float32 on a CPU, bfloat16 on a GPU where there is one). Unpruned and pruned calls take turns; medians.
Prefill is a call that gives one token, vision tower and selection included; decoding is the rest of a longer call.
"""

import argparse
import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from common import seconds
from PIL import Image
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from infohorizon import prune
from infohorizon.pruning import Schedule

SHARES: dict[str, list[tuple[float, str, float]]] = {  # stages by their share of the depth
    "fastv-50": [(1 / 16, "fastv", 0.5)],
    "divprune-random": [(0.0, "divprune", 0.5), (0.5, "random", 0.1)],
    "fastervlm-25": [(0.0, "fastervlm", 0.25)],
    "fastv-50, drop": [(1 / 16, "fastv", 0.5), (0.75, "drop-all", 0)],
}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Times(NamedTuple):
    """Seconds of a call: until its first token, of the tokens after it, and of choosing tokens (in the prefill)."""

    prefill: float
    decoding: float
    selection: float


def bundled() -> tuple[Any, dict[str, Any]]:
    """mini-llava and one question."""
    folder = "resources/models/mini-llava"
    model, processor = AutoModelForImageTextToText.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    text, image = "USER: <image>\nwhat shape is red? ASSISTANT:", Image.open("docs/picture.png")
    return model.to(DEVICE).eval(), dict(processor(images=image, text=text, return_tensors="pt").to(DEVICE))


def geometry_of_7b(layers: int, width: int = 4096, side: int = 24) -> tuple[Any, dict[str, Any]]:
    """A random model of LLaVA-1.5-7B's proportions with few layers and a small vocabulary, and one question."""
    torch.manual_seed(0)
    heads, text = width // 128, 60
    vision = CLIPVisionConfig(
        hidden_size=1024 * width // 4096, intermediate_size=width, num_hidden_layers=2,
        num_attention_heads=max(1, 16 * width // 4096), image_size=14 * side, patch_size=14,
    )  # fmt: skip
    decoder = LlamaConfig(
        vocab_size=1000, hidden_size=width, intermediate_size=11008 * width // 4096, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=4096,
    )  # fmt: skip
    config = LlavaConfig(vision_config=vision, text_config=decoder, image_token_id=999, image_seq_length=side * side)
    dtype = torch.bfloat16 if DEVICE == "cuda" else torch.float32
    model = LlavaForConditionalGeneration(config).to(DEVICE, dtype).eval()
    before, after = torch.arange(1, 36), torch.arange(1, text + 1)
    ids = torch.cat([before, torch.full((side * side,), 999), after])[None].to(DEVICE)
    pixels = torch.randn(1, 3, 14 * side, 14 * side, device=DEVICE, dtype=dtype)
    return model, {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}


def stages_of(shares: Sequence[tuple[float, str, float]], depth: int) -> Schedule:
    """Stages at their layers of a model; at least one layer lies before a strategy that looks at attention."""
    layers = [max(int(share * depth + 0.5), 1 if share else 0) for share, _, _ in shares]
    return Schedule([(layer, name, keep) for layer, (_, name, keep) in zip(layers, shares, strict=True)])


def timed(generate: Any, inputs: dict[str, Any], answer: int) -> tuple[float, float]:
    """Seconds of a call's prefill, and of its other tokens."""

    def call(tokens: int) -> None:
        generate(**inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, pad_token_id=0)
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    first = seconds(partial(call, 1))
    return first, seconds(partial(call, answer)) - first


def compare(model: Any, inputs: dict[str, Any], schedule: Schedule, answer: int, repeats: int) -> tuple[Times, Times]:
    """Medians of unpruned and pruned calls that take turns."""
    whole, short = [], []
    timed(model.generate, inputs, 2)  # warm
    for _ in range(repeats):
        whole.append(Times(*timed(model.generate, inputs, answer), 0.0))
        with prune(model, schedule) as pruned:
            times = timed(model.generate, inputs, answer)
            short.append(Times(*times, pruned.report()[0].selection_seconds))
    unpruned, in_short = (Times(*map(statistics.median, zip(*rows, strict=True))) for rows in (whole, short))
    return unpruned, in_short


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--answer", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    print(f"device: {torch.cuda.get_device_name() if DEVICE == 'cuda' else 'CPU'}, {torch.get_num_threads()} threads")
    print("| model | schedule | prefill | of it selection | decoding | unpruned prefill s | unpruned decoding s |")
    print("|" + "---|" * 7)
    for name, (model, inputs) in {"mini-llava": bundled(), "7B": geometry_of_7b(chosen.layers, chosen.width)}.items():
        for schedule, shares in SHARES.items():
            stages = stages_of(shares, len(model.model.language_model.layers))
            whole, short = compare(model, inputs, stages, chosen.answer, chosen.repeats)
            ratios = (
                f"{short.prefill / whole.prefill:.2f}×",
                f"{short.selection / short.prefill:.2f}",
                f"{short.decoding / whole.decoding:.2f}×",
            )
            print(f"| {name} | {schedule} | {' | '.join(ratios)} | {whole.prefill:.3f} | {whole.decoding:.3f} |")


if __name__ == "__main__":
    main()
