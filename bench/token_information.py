"""Token information and leave-one-out: the engine against a straightforward program, as ratios within one run.

    python bench/token_information.py [--quick]

The baseline runs, for each (layer, window), the full sequence up to the layer and the shortened one above it: the
image is encoded once, rows go in batches of 8 through the model's own layers with SDPA. Baseline and engine take turns
on one thread; each figure is a median of three. The FLOP bound is the ratio of their floating-point operations. The
engine also measures each layer without any visual token, which the baseline leaves out.
"""

import argparse
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from common import SMOLLM2, RandomModel, alternate, table_head, table_row
from torch import Tensor

from infohorizon.engine.caches import PrefixCache
from infohorizon.engine.layers import run_layer
from infohorizon.engine.resume import untouched
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.windows import windows
from infohorizon.study.cost import head_flops, layer_flops, prefill_flops, resume_flops


class Case(NamedTuple):
    """A decoder with a question, and the windows that are measured at all layers but the first."""

    work: str
    width: int
    depth: int
    side: int
    text: int
    window: int = 2
    context: Literal["text", "image"] = "text"
    number: int | None = None  # of windows; None for all
    more: Mapping[str, int] = {}  # of a LlamaConfig


CASES = (
    Case("information, 2×2 windows", width=512, depth=8, side=24, text=40),
    Case("information, 2×2 windows", width=128, depth=8, side=12, text=12),
    Case("information, 2×2 windows", width=128, depth=8, side=8, text=12),
    Case("information, SmolLM2-135M", width=576, depth=30, side=8, text=20, more=SMOLLM2),
    Case("leave-one-out, tokens", width=512, depth=8, side=24, text=40, window=1, context="image", number=24),
)


@torch.inference_mode()
def baseline(model: RandomModel, layers: list[int], kept: list[Tensor], batch: int = 8) -> Tensor:
    """For every (layer, kept set) all layers from 0 on, the other visual tokens deleted at `layer`.

    Returns: (layers · sets, vocabulary) logits of the last prompt token, layer by layer.
    """
    language_model, prompt = model.language_model, model.question
    rope = language_model.rope(prompt.positions, "original")
    every = torch.arange(len(prompt.embeddings))
    before, after = every[: prompt.start], every[prompt.start + prompt.count :]
    logits = []
    for layer in layers:
        for sets in torch.stack(kept).split(batch):
            rows = len(sets)
            x, places = prompt.embeddings.expand(rows, -1, -1), every.expand(rows, -1)
            for number, block in enumerate(language_model.layers):
                if number == layer:
                    left = [before.expand(rows, -1), prompt.start + sets, after.expand(rows, -1)]
                    places = torch.cat(left, dim=1)
                    x = x.gather(1, places[..., None].expand(-1, -1, x.shape[-1]))
                x = run_layer(block, x, rope.at(places), PrefixCache())
            logits.append(language_model.logits(language_model.norm(x[:, -1])))
    return torch.cat(logits)


def engine(
    model: RandomModel, layers: list[int], measurement: Measurement, chosen: list[int] | None = None
) -> list[dict[str, Any]]:
    """Token information of the question, for all windows or the chosen ones."""
    return token_information(model, model.asked, layers, model.batch, measurement, chosen)


def spread(count: int, number: int) -> list[int]:
    """`number` of `count` windows: three runs of neighbours, at the beginning, in the middle and at the end.

    A program that shares what neighbouring windows have in common finds as much of it in runs as in all windows.
    """
    if number >= count:
        return list(range(count))
    run = number // 3
    starts = (0, (count - run) // 2, count - run)
    return [window for start in starts for window in range(start, start + run)]


def kept_tokens(count: int, parts: list[Tensor], context: str) -> list[Tensor]:
    """The visual tokens that stay where each window is measured: the window, or everything else."""
    if context == "text":
        return parts
    every = torch.arange(count)
    return [every[~torch.isin(every, part)] for part in parts]


def flop_bound(model: RandomModel, layers: list[int], kept: list[Tensor]) -> float:
    """FLOPs of `baseline` over those of `engine`."""
    shape, prompt = model.shape, model.question
    total = len(prompt.embeddings)
    baseline_flops, engine_flops = 0.0, prefill_flops(shape, total)
    for layer in layers:
        engine_flops += resume_flops(shape, layer, prompt.suffix, prompt.start)  # without any visual token
        for tokens in kept:
            below = layer * layer_flops(shape, total)
            left = prompt.start + len(tokens) + prompt.suffix
            baseline_flops += below + (shape.layers - layer) * layer_flops(shape, left) + head_flops(shape)
            reused = int(untouched(tokens))
            new = len(tokens) - reused + prompt.suffix
            engine_flops += resume_flops(shape, layer, new, prompt.start + reused)
    return baseline_flops / engine_flops


def compare(case: Case, repeats: int) -> str:
    """The table's row of one case."""
    model = RandomModel(case.width, case.depth, case.side, case.text, **case.more)
    layers = list(range(1, case.depth))
    parts = windows(model.question.grid, case.window)
    chosen = spread(len(parts), case.number or len(parts))
    kept = kept_tokens(model.question.count, [parts[window] for window in chosen], case.context)
    measurement = Measurement(case.window, context=case.context)
    times = alternate(
        partial(baseline, model, layers, kept), partial(engine, model, layers, measurement, chosen), repeats
    )
    return table_row(case.work, model, times, flop_bound(model, layers, kept))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="six windows, one repeat")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    print(table_head())
    for case in CASES:
        print(compare(case._replace(number=6) if quick else case, repeats=1 if quick else 3))


if __name__ == "__main__":
    main()
