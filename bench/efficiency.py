"""What pruning saves: prefill and decoding time and cache size of schedules against the unpruned run, as ratios.

    python bench/efficiency.py

A random decoder of LLaVA-1.5's proportions (576 visual, 40 text tokens), tokens really leaving; one thread, pruned and
unpruned taking turns, medians of three. Beside each measured ratio is the one of the FLOPs.
Choosing the tokens is part of the pruned prefill's time.
"""

import statistics
from collections.abc import Sequence
from functools import partial

import torch
from common import RandomModel, alternate

from infohorizon import strategies
from infohorizon.engine import Trace, decode, unpruned
from infohorizon.measure.questioner import Questioner, Setting
from infohorizon.measure.schedules import Stage
from infohorizon.study.cost import layer_flops

WIDTH, DEPTH, SIDE, TEXT, ANSWER, REPEATS = 1024, 8, 24, 40, 16, 3
SCHEDULES: dict[str, list[Stage]] = {
    "fastv-50": [Stage(1, "fastv", 0.5)],
    "divprune-192": [Stage(0, "divprune", 0.3333)],
    "divprune-random-192": [Stage(0, "divprune", 0.4931), Stage(5, "random", 0.066)],
    "divprune-drop-192": [Stage(0, "divprune", 0.4931), Stage(5, "drop-all", 0)],
    "divprune-random-64": [Stage(0, "divprune", 0.1667), Stage(5, "random", 0.0174)],
    "pyramiddrop": [
        Stage(2, "pyramiddrop", 0.5),
        Stage(4, "pyramiddrop", 0.25),
        Stage(6, "pyramiddrop", 0.125),
    ],
}


def prefill(model: RandomModel, stages: Sequence[Stage]) -> Trace:
    """One run of the question under a schedule, up to the first answer token."""
    questioner = Questioner(model, model.batch, ANSWER)
    used = {stage.strategy: strategies.create(stage.strategy) for stage in stages}
    trace = questioner.trace(model.asked)
    for stage in stages:
        setting = Setting(stage.strategy, stage.layer, stage.keep, repeat=0)
        chosen = questioner.select(trace, model.asked, used, setting)
        trace = trace.prune(stage.layer, chosen.kept, "contiguous", chosen.states)
    trace.final()
    return trace


def answer(trace: Trace) -> None:
    """Decode from a run that is there."""
    decode(trace.language_model, unpruned(trace), ANSWER, [])


def present(trace: Trace) -> list[int]:
    """Tokens that each layer sees."""
    prompt = trace.prompt
    return [prompt.start + len(tokens) + prompt.suffix for tokens in trace.visual]


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    model = RandomModel(WIDTH, DEPTH, SIDE, TEXT)
    full = prefill(model, [])
    full_flops = sum(layer_flops(model.shape, tokens) for tokens in present(full))
    print("| schedule | mean visual tokens | prefill | by FLOPs | decoding | cache |\n|---|---|---|---|---|---|")
    for name, stages in SCHEDULES.items():
        pruned = prefill(model, stages)
        whole, short = alternate(partial(prefill, model, []), partial(prefill, model, stages), REPEATS)
        slow, fast = alternate(partial(answer, full), partial(answer, pruned), REPEATS)
        flops = sum(layer_flops(model.shape, tokens) for tokens in present(pruned))
        ratios = short / whole, flops / full_flops, fast / slow, sum(present(pruned)) / sum(present(full))
        mean = statistics.mean(len(tokens) for tokens in pruned.visual)
        print(f"| {name} | {mean:.0f} | " + " | ".join(f"{ratio:.2f}×" for ratio in ratios) + " |")


if __name__ == "__main__":
    main()
