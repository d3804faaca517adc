"""How the time of token information grows with questions, layers, windows and visual tokens, beside its FLOPs.

    python bench/growth.py docs/growth.png

One thread, a random decoder of LLaVA's proportions (width 256, 8 layers, 40 text tokens); medians of three. The FLOP
line is scaled to the measurement with the most work: where the points leave it, more than products costs time.
"""

import statistics
import sys
import time

import torch
from infohorizon.engine.decoder import Decoder
from matplotlib.figure import Figure
from run import decoder, flops, measure, prompt

from infohorizon.figures import style
from infohorizon.measure.information import windows

WIDTH, DEPTH, TEXT, SIDE = 256, 8, 40, 12
Point = tuple[int, float, float]  # how much of what grows, seconds, FLOPs


def point(engine: Decoder, questions: int = 1, layers: int = DEPTH, sets: int | None = None, side: int = SIDE) -> Point:
    """Seconds and FLOPs of token information over the first `sets` windows at `layers` evenly spread layers."""
    question, parts = prompt(engine, side, TEXT), windows((side, side), 2)[:sets]
    chosen = [number * DEPTH // layers for number in range(layers)]
    times = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(questions):
            measure(engine, question, chosen, only=range(len(parts)))
        times.append(time.perf_counter() - start)
    above = sum((DEPTH - layer) * len(parts) for layer in chosen)
    row = flops(WIDTH, len(parts[0]) + TEXT, question.start)
    return (
        len(parts),
        statistics.median(times),
        questions * (DEPTH * flops(WIDTH, len(question.embeddings), 0) + above * row),
    )


def main() -> None:
    torch.set_num_threads(1)
    engine = decoder(WIDTH, DEPTH)
    point(engine)
    grown = {
        "questions": [(n, *point(engine, questions=n)[1:]) for n in (1, 2, 4, 8)],
        "layers": [(n, *point(engine, layers=n)[1:]) for n in (1, 2, 4, 8)],
        "windows": [point(engine, sets=n) for n in (4, 9, 18, 36)],
        "visual tokens (a window per 4)": [(n * n, *point(engine, side=n)[1:]) for n in (6, 8, 12, 16, 20, 24)],
    }
    figure = Figure(figsize=(9.5, 2.6), layout="constrained")
    for panel, (label, points) in zip(figure.subplots(1, 4), grown.items(), strict=True):
        amounts, seconds, work = zip(*points, strict=True)
        scale = seconds[-1] / work[-1]
        panel.plot(amounts, [scale * one for one in work], color=style.GREY, label="FLOPs, scaled")
        panel.plot(amounts, seconds, "o", color=style.INK, label="measured")
        panel.set(xlabel=label, ylim=(0, None), xlim=(0, None))
        print(label, ", ".join(f"{amount}: {second:.3f} s" for amount, second in zip(amounts, seconds, strict=True)))
    figure.axes[0].set_ylabel("seconds")
    figure.axes[0].legend(fontsize=7)
    figure.savefig(sys.argv[1], dpi=150)


if __name__ == "__main__":
    main()
