"""What pruning saves: prefill and decoding time and cache size of schedules against the unpruned run, as ratios.

    python bench/efficiency.py

A random decoder of LLaVA-1.5's proportions (576 visual, 40 text tokens), tokens really leaving; one thread, A and B
alternating, medians of three. Beside each measured ratio stands the one from the FLOP formulas.
Choosing the tokens is part of the pruned prefill's time.
"""

import statistics
import time
from collections.abc import Mapping

import torch
from infohorizon.engine.decoder import Decoder
from run import PREFIX, decoder, encoded, prompt

from infohorizon import strategies
from infohorizon.engine.trace import Prompt, Trace
from infohorizon.measure.trace_view import TraceView
from infohorizon.study.cost import Geometry, layer_flops
from infohorizon.units import tokens_of

WIDTH, LAYERS, SIDE, TEXT, NEW = 1024, 8, 24, 40, 16
SCHEDULES: Mapping[str, list[tuple[int, str, int | float]]] = {
    "fastv-50": [(1, "fastv", 0.5)],
    "divprune-192": [(0, "divprune", 0.3333)],
    "divprune-random-192": [(0, "divprune", 0.4931), (5, "random", 0.066)],
    "divprune-drop-192": [(0, "divprune", 0.4931), (5, "drop-all", 0)],
    "divprune-random-64": [(0, "divprune", 0.1667), (5, "random", 0.0174)],
    "pyramiddrop": [(2, "pyramiddrop", 0.5), (4, "pyramiddrop", 0.25), (6, "pyramiddrop", 0.125)],
}


def prefill(engine: Decoder, question: Prompt, stages: list[tuple[int, str, int | float]]) -> Trace:
    """One run under a schedule, up to the first answer token."""
    trace = engine.prefill(question)
    for layer, name, keep in stages:
        view = TraceView(trace, layer, encoded(question), key=(0,))
        chosen = strategies.create(name).select(view, tokens_of(keep, question.count))
        trace = trace.prune(layer, chosen.kept, "contiguous", chosen.states)
    trace.final()
    return trace


def seconds(call: object) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    engine = decoder(WIDTH, LAYERS)
    question = prompt(engine, SIDE, TEXT)
    shape = Geometry(LAYERS, WIDTH, int(2.7 * WIDTH) // 8 * 8, WIDTH, 1000, 0, 1, None, SIDE**2, 0, 0)

    def decode(trace: Trace) -> None:
        engine.decode(trace.branches(), NEW, [])

    def cache(trace: Trace) -> int:
        return sum(PREFIX + len(tokens) + TEXT for tokens in trace.visual)

    def flops(trace: Trace) -> float:
        return sum(layer_flops(shape, PREFIX + len(tokens) + TEXT) for tokens in trace.visual)

    print("| schedule | mean visual tokens | prefill | by FLOPs | decoding | cache |\n|---|---|---|---|---|---|")
    for name, stages in SCHEDULES.items():
        times: list[list[float]] = [[], [], [], []]
        for _ in range(3):
            for row, plan in ((0, []), (1, stages)):
                times[row].append(seconds(lambda plan=plan: prefill(engine, question, plan)))
                trace = prefill(engine, question, plan)
                times[2 + row].append(seconds(lambda trace=trace: decode(trace)))
        full, pruned = prefill(engine, question, []), prefill(engine, question, stages)
        unpruned, short, slow, fast = map(statistics.median, times)
        mean = statistics.mean(len(tokens) for tokens in pruned.visual)
        ratios = short / unpruned, flops(pruned) / flops(full), fast / slow, cache(pruned) / cache(full)
        print(f"| {name} | {mean:.0f} | " + " | ".join(f"{ratio:.2f}×" for ratio in ratios) + " |")


if __name__ == "__main__":
    main()
