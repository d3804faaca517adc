"""How the time of token information grows with questions, layers, windows and visual tokens, beside its FLOPs.

    python bench/growth.py docs/growth.png

One thread, a random decoder of LLaVA's proportions (width 256, 8 layers, 40 text tokens); medians of three. The FLOP
line is scaled to the measurement with the most work: where the points leave it, more than products costs time.
"""

import statistics
import sys
from functools import partial
from typing import NamedTuple

import torch
from common import RandomModel, seconds
from matplotlib.figure import Figure

from infohorizon.figures import style
from infohorizon.measure.information import token_information
from infohorizon.measure.windows import windows
from infohorizon.study.cost import prefill_flops, resume_flops

WIDTH, DEPTH, TEXT, SIDE, WINDOW = 256, 8, 40, 12, 2


class Point(NamedTuple):
    """One measurement."""

    amount: int  # of what grows
    seconds: float
    flops: float


def measure(amount: int, questions: int = 1, layers: int = DEPTH, number: int | None = None, side: int = SIDE) -> Point:
    """Token information over the first `number` windows of an image, at `layers` evenly spread layers."""
    model = RandomModel(WIDTH, DEPTH, side, TEXT)
    chosen = list(range(len(windows((side, side), WINDOW))))[:number]
    spread = [index * DEPTH // layers for index in range(layers)]
    ask = partial(token_information, model, model.asked, spread, model.batch, only=chosen)

    def ask_all() -> None:
        for _ in range(questions):
            ask()

    flops = prefill_flops(model.shape, len(model.question.embeddings))
    for layer in spread:
        flops += len(chosen) * resume_flops(model.shape, layer, WINDOW**2 + TEXT, model.question.start)
        flops += resume_flops(model.shape, layer, TEXT, model.question.start)
    return Point(amount, statistics.median(seconds(ask_all) for _ in range(3)), questions * flops)


def draw(grown: dict[str, list[Point]]) -> Figure:
    """A panel for each thing that grows: {what: points in ascending amount}."""
    figure = Figure(figsize=(9.5, 2.6), layout="constrained")
    panels = figure.subplots(1, len(grown), squeeze=False)[0]
    for panel, (label, points) in zip(panels, grown.items(), strict=True):
        amounts = [point.amount for point in points]
        scale = points[-1].seconds / points[-1].flops
        panel.plot(amounts, [scale * point.flops for point in points], color=style.GREY, label="FLOPs, scaled")
        panel.plot(amounts, [point.seconds for point in points], "o", color=style.INK, label="measured")
        panel.set(xlabel=label, ylim=(0, None), xlim=(0, None))
    figure.axes[0].set_ylabel("seconds")
    figure.axes[0].legend(fontsize=7)
    return figure


def main() -> None:
    torch.set_num_threads(1)
    measure(1)  # warms up
    grown = {
        "questions": [measure(n, questions=n) for n in (1, 2, 4, 8)],
        "layers": [measure(n, layers=n) for n in (1, 2, 4, 8)],
        "windows": [measure(n, number=n) for n in (4, 9, 18, 36)],
        "visual tokens (a window per 4)": [measure(n * n, side=n) for n in (6, 8, 12, 16, 20, 24)],
    }
    for label, points in grown.items():
        print(label, ", ".join(f"{point.amount}: {point.seconds:.3f} s" for point in points))
    draw(grown).savefig(sys.argv[1], dpi=150)


if __name__ == "__main__":
    main()
