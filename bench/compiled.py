"""What `compile: true` saves on this processor: token information with plain and with compiled layers, in one run.

    python bench/compiled.py

Plain and compiled layers take turns on one thread; each figure is a median of three. `compiling` is the first call,
which compiles; later jobs find most of it in PyTorch's cache. `difference` is the largest of any probability.
"""

from functools import partial

import torch
from common import SMOLLM2, RandomModel, alternate, seconds
from token_information import Case, engine

from infohorizon.engine.compiled import compile_layers
from infohorizon.measure.information import Measurement

CASES = (
    Case("information, SmolLM2-135M", width=576, depth=30, side=8, text=20, more=SMOLLM2),
    Case("information, 2×2 windows", width=512, depth=8, side=24, text=40),
)


def compare(case: Case) -> str:
    """The table's row of one case."""
    plain, compiled = (RandomModel(case.width, case.depth, case.side, case.text, **case.more) for _ in range(2))
    compile_layers(compiled.language_model)
    layers, measurement = list(range(1, case.depth)), Measurement(case.window)
    compiling = seconds(partial(engine, compiled, layers, measurement))
    both = [engine(model, layers, measurement) for model in (plain, compiled)]
    difference = max(abs(a["full_probability"] - b["full_probability"]) for a, b in zip(*both, strict=True))
    before, after = alternate(
        partial(engine, plain, layers, measurement), partial(engine, compiled, layers, measurement), repeats=3
    )
    figures = f"{compiling:.0f} | {before:.2f} | {after:.2f} | {before / after:.1f}× | {difference:.0e}"
    return f"| {case.work} | {case.side**2} | {case.width} | {case.depth} | {figures} |"


def main() -> None:
    torch.set_num_threads(1)
    columns = ("work", "visual", "width", "layers", "compiling s", "plain s", "compiled s", "ratio", "difference")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for case in CASES:
        print(compare(case), flush=True)


if __name__ == "__main__":
    main()
