"""Speed of the engine as ratios within one run: token information, leave-one-out, sweeps, GEMM share.

    python bench/run.py [--quick]

A and B alternate on one thread; each cell is a median of three. The baseline is what a straightforward program does:
for each (layer, window) the full sequence runs up to the layer and the shortened one above it, vision encoded once,
rows batched (8; sweeps: one configuration at a time), the model's own layers, SDPA. The FLOP bound is the ratio of both
roads' floating-point operations.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from infohorizon.engine.decoder import Decoder  # noqa: E402

from infohorizon import strategies  # noqa: E402
from infohorizon.engine.batching import Batch  # noqa: E402
from infohorizon.engine.layers import ATTENTION, PrefixCache, run_layer  # noqa: E402
from infohorizon.engine.trace import Prompt  # noqa: E402
from infohorizon.measure.information import token_information, windows  # noqa: E402
from infohorizon.measure.sweep import Questioner, settings_of  # noqa: E402
from infohorizon.models.base import Encoded  # noqa: E402
from infohorizon.units import tokens_of  # noqa: E402

PREFIX = 35  # LLaVA-1.5's tokens before the image
SWEPT = ("random", "fastv", "sparsevlm", "dart", "divprune", "pyramiddrop")
ANSWER = 3  # tokens


def decoder(width: int, layers: int) -> Decoder:
    """A random decoder of LLaVA's proportions (FFN 2.7 × width, heads of 64)."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1000,
        hidden_size=width,
        intermediate_size=int(2.7 * width) // 8 * 8,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        attn_implementation=ATTENTION,
    )
    model = LlamaForCausalLM(config).eval().requires_grad_(False)
    return Decoder(model.model, model.lm_head)


def prompt(engine: Decoder, side: int, text: int) -> Prompt:
    length = PREFIX + side * side + text
    return Prompt(torch.randn(length, engine.width), torch.arange(length), PREFIX, side * side, (side, side))


@torch.inference_mode()
def one_by_one(
    engine: Decoder, question: Prompt, layers: list[int], kept: list[torch.Tensor], batch: int = 8
) -> torch.Tensor:
    """The baseline: for every (layer, kept set) all layers from 0, tokens deleted at `layer`, in batches: logits."""
    length = len(question.embeddings)
    rope, places = engine.rope(question, "original"), torch.arange(length)
    out = []
    for layer in layers:
        for start in range(0, len(kept), batch):
            sets = torch.stack(kept[start : start + batch])
            rows = len(sets)
            x, at = question.embeddings.expand(rows, -1, -1), places.expand(rows, -1)
            before = places[: question.start].expand(rows, -1)
            after = places[question.start + question.count :].expand(rows, -1)
            for number, block in enumerate(engine.layers):
                if number == layer:
                    at = torch.cat([before, question.start + sets, after], dim=1)
                    x = x.gather(1, at[..., None].expand(-1, -1, x.shape[-1]))
                x = run_layer(block, x, rope.at(at), PrefixCache())
            out.append(engine.logits(engine.norm(x[:, -1])))
    return torch.cat(out)


def model(engine: Decoder, question: Prompt) -> SimpleNamespace:
    """What the stages ask of a model, for one question."""
    return SimpleNamespace(
        decoder=engine,
        device=torch.device("cpu"),
        stop_ids=[],
        prompt=lambda *_, **__: question,
        label_ids=lambda _: [0],
        answer_text=str,
    )


def encoded(question: Prompt) -> Encoded:
    nothing = torch.empty(question.count, 0)
    return Encoded(question.grid, nothing, nothing[:, 0:0], nothing)


def budget(engine: Decoder) -> Batch:
    return Batch("auto", engine.width, torch.device("cpu"))


def measure(
    engine: Decoder,
    question: Prompt,
    layers: list[int],
    window: int = 2,
    context: str = "text",
    only: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """The engine's road: token information of one question."""
    asked = model(engine, question), "", "", encoded(question), layers, budget(engine)
    return token_information(*asked, window=window, context=context, only=only)


def flops(width: int, tokens: int, context: int) -> float:
    """One layer on `tokens` new tokens that attend to `context` + tokens; FFN 2.7 × width, causal attention."""
    return tokens * (8 * width**2 + 6 * 2.7 * width**2) + 4 * width * tokens * (context + tokens / 2)


def bound(width: int, depth: int, question: Prompt, layers: list[int], kept: list[torch.Tensor]) -> float:
    """FLOPs of `one_by_one` over those of `token_information`."""
    total, short = len(question.embeddings), question.start + len(kept[0]) + question.suffix
    naive = fast = 0.0
    for layer in layers:
        naive += len(kept) * (layer * flops(width, total, 0) + (depth - layer) * flops(width, short, 0))
        for tokens_kept in kept:
            run = int((tokens_kept == torch.arange(len(tokens_kept))).long().cumprod(0).sum())
            fast += (depth - layer) * flops(width, short - question.start - run, question.start + run)
    return naive / (fast + depth * flops(width, total, 0))


class Sweep:
    """A sweep of SWEPT over six layers and three keeps on one question."""

    def __init__(self, engine: Decoder, question: Prompt, layers: list[int], keeps: list[float]) -> None:
        self.encoded = encoded(question)
        self.asker = Questioner(model(engine, question), budget(engine), ANSWER)
        self.used = {name: strategies.create(name) for name in SWEPT}
        self.plan = [s for strategy in self.used.values() for s in settings_of(strategy, layers, keeps, 1)]
        self.question = question

    def together(self) -> list[str]:
        trace = self.asker.trace("", self.encoded)
        rows = self.asker.sweep(trace, "", self.encoded, "q", self.used, self.plan)
        return [row["answer"] for row in rows]

    def one_at_a_time(self) -> list[str]:
        """A run of its own for each configuration: all tokens up to the layer, and the kept ones above."""
        out = []
        for setting in self.plan:
            trace = self.asker.trace("", self.encoded)
            kept = self.asker.select(trace, self.used, setting, self.encoded, "q", None).kept
            out += self.asker.answers(trace.prune(setting.layer, kept).branches(), "")
        return [row["answer"] for row in out]

    def bound(self, width: int, depth: int) -> float:
        total, count = len(self.question.embeddings), self.question.count
        fast = depth * flops(width, total, 0)
        naive = 0.0
        for setting in self.plan:
            short = tokens_of(setting.keep, count) + self.question.suffix
            answer = depth * (ANSWER - 1) * flops(width, 1, PREFIX + short)
            naive += setting.layer * flops(width, total, 0) + answer
            naive += (depth - setting.layer) * flops(width, PREFIX + short, 0)
            fast += (depth - setting.layer) * flops(width, short, PREFIX) + answer
        return naive / fast


def ratio(a: Callable[[], object], b: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Medians of a's and b's seconds, run alternately, and a/b."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for call, seconds in zip((a, b), times, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    slow, fast = map(statistics.median, times)
    return slow, fast, slow / fast


def gemm_share(engine: Decoder, question: Prompt, repeats: int) -> float:
    """Achieved FLOP/s of a prefill over that of a square matmul of the same width and dtype."""
    depth, total = len(engine.layers), len(question.embeddings)
    a, b = torch.randn(total, engine.width), torch.randn(engine.width, engine.width)

    def matmul() -> None:
        for _ in range(20):
            a @ b

    def prefill() -> None:
        trace = engine.prefill(question)
        trace.hidden(depth - 1)

    matmul()
    slow, fast, _ = ratio(matmul, prefill, repeats)
    peak = 20 * 2 * total * engine.width**2 / slow
    return (depth - 1) * flops(engine.width, total, 0) / fast / peak


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true", help="smaller shapes, one repeat")
    quick = arguments.parse_args().quick
    torch.set_num_threads(1)
    repeats = 1 if quick else 3
    print("| work | visual | text | width | layers | baseline s | engine s | ratio | FLOP bound |")
    print("|---|---|---|---|---|---|---|---|---|")
    cases = [
        ("information, 2×2 windows", 24, 40, 512, 8, 2, 144, False),
        ("information, 2×2 windows", 12, 12, 128, 8, 2, 36, False),
        ("information, 2×2 windows", 8, 12, 128, 8, 2, 16, False),
        # Three runs of eight neighbours stand for all 576, on both roads.
        ("leave-one-out, tokens", 24, 40, 512, 8, 1, 24, True),
    ]
    for name, side, text, width, depth, window, sets, without in cases:
        if quick:
            sets = 6
        engine = decoder(width, depth)
        question = prompt(engine, side, text)
        parts = windows((side, side), window)
        chosen = list(range(len(parts)))
        if sets < len(parts):
            third, gap = sets // 3, (len(parts) - sets // 3) // 2
            chosen = [w for begin in (0, gap, 2 * gap) for w in range(begin, begin + third)]
        parts = [parts[w] for w in chosen]
        if without:
            every = torch.arange(side * side)
            parts = [every[~torch.isin(every, part)] for part in parts]
        layers = list(range(1, depth))
        context = "image" if without else "text"
        fast_road = partial(measure, engine, question, layers, window, context, chosen)
        slow, fast, times = ratio(partial(one_by_one, engine, question, layers, parts), fast_road, repeats)
        most = bound(width, depth, question, layers, parts)
        shape = f"{side**2} | {text} | {width} | {depth}"
        print(f"| {name} | {shape} | {slow:.2f} | {fast:.2f} | {times:.1f}× | {most:.1f}× |")
    sweeps = [(24, 40, 512, range(1, 12, 2), [32, 64, 128]), (8, 12, 128, range(1, 7), [8, 16, 32])]
    for side, text, width, layers, keeps in sweeps:
        depth = layers.stop
        engine = decoder(width, depth)
        sweep = Sweep(engine, prompt(engine, side, text), list(layers), keeps)
        slow, fast, times = ratio(sweep.one_at_a_time, sweep.together, repeats)
        shape = f"{side**2} | {text} | {width} | {depth}"
        most = sweep.bound(width, depth)
        print(f"| sweep, {len(sweep.plan)} settings | {shape} | {slow:.2f} | {fast:.2f} | {times:.1f}× | {most:.1f}× |")
    engine = decoder(1024, 4)
    share = gemm_share(engine, prompt(engine, 24, 40), repeats)
    print(f"\nGEMM share of a prefill at width 1024, fp32: {share:.0%} of torch.matmul's rate.")


if __name__ == "__main__":
    main()
