"""What `compile: true` saves on this processor: a question with plain and with compiled layers, in one run.

    python bench/compiled.py

Plain and compiled layers take turns on one thread; each figure is a median of three. `compiling` is the first call,
which compiles; later jobs find most of it in PyTorch's cache. `difference` is the largest of any probability.
"""

from collections.abc import Callable
from functools import partial

import torch
from common import SMOLLM2, RandomModel, alternate, seconds

from infohorizon.engine import decode, prefill, unpruned
from infohorizon.engine.compiled import compile_layers
from infohorizon.measure.information import token_information

SIZES = {
    "SmolLM2-135M": {"width": 576, "depth": 30, "side": 8, "text": 20, **SMOLLM2},
    "half a LLaVA layer wide": {"width": 2048, "depth": 2, "side": 24, "text": 40},
}


def information(model: RandomModel) -> list[float]:
    """Token information of all windows at all layers: wide batches. The probabilities."""
    layers = range(1, model.shape.layers)
    return [row["probability"] for row in token_information(model, model.asked, list(layers), model.batch)]


def answer(model: RandomModel) -> list[float]:
    """An answer of eight tokens, one row: a prompt, and seven steps of one token. The last state's first value."""
    trace = prefill(model.language_model, model.question)
    decode(model.language_model, unpruned(trace), 8, [])
    return [float(trace.final()[-1, 0])]


def compare(name: str, work: Callable[[RandomModel], list[float]]) -> str:
    """The table's row of one size and work."""
    plain, compiled = RandomModel(**SIZES[name]), RandomModel(**SIZES[name])
    compile_layers(compiled.language_model)
    compiling = seconds(partial(work, compiled))
    difference = max(abs(a - b) for a, b in zip(work(plain), work(compiled), strict=True))
    before, after = alternate(partial(work, plain), partial(work, compiled), repeats=3)
    figures = f"{compiling:.0f} | {before:.2f} | {after:.2f} | {before / after:.1f}× | {difference:.0e}"
    return f"| {work.__name__} | {name} | {plain.shape.width} | {plain.shape.layers} | {figures} |"


def main() -> None:
    torch.set_num_threads(1)
    columns = ("work", "size", "width", "layers", "compiling s", "plain s", "compiled s", "ratio", "difference")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for work in (information, answer):
        for name in SIZES:
            print(compare(name, work), flush=True)


if __name__ == "__main__":
    main()
