"""What it saves that answers continue together: schedules of some questions with answers at once, and read later.

    python bench/answers.py

Both take turns on one thread, at the size of SmolLM2-135M; medians of three, eight minutes. A job stores the rows
of sixteen questions together.
"""

from functools import partial

import torch
from common import SMOLLM2, RandomModel, alternate

from infohorizon import strategies
from infohorizon.measure.questioner import Questioner
from infohorizon.measure.schedules import Plan, Stage, run_schedules
from infohorizon.tables.resumable import CHUNK

SIZE = {"width": 576, "depth": 30, "side": 8, "text": 20, **SMOLLM2}
PLANS = {f"keep {keep}": Plan([Stage(1, "stride", keep)], "original") for keep in (0.5, 0.25, 0.125, 0.0625)}


def answered(model: RandomModel, tokens: int, together: bool) -> None:
    """All schedules' answers of so many tokens to CHUNK questions."""
    questioner = Questioner(model, model.batch, tokens, together=together)
    used = {"stride": strategies.create("stride")}
    rows = []
    for _ in range(CHUNK):
        rows += run_schedules(questioner, model.asked, PLANS, used, [(name, 0) for name in PLANS])
    if together:
        questioner.read(rows)


def main() -> None:
    torch.set_num_threads(1)
    columns = ("width", "layers", "tokens of an answer", "at once s", "together s", "ratio")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    model = RandomModel(**SIZE)
    for tokens in (3, 12):
        before, after = alternate(
            partial(answered, model, tokens, False), partial(answered, model, tokens, True), repeats=3
        )
        figures = f"{tokens} | {before:.2f} | {after:.2f} | {before / after:.1f}×"
        print(f"| {model.shape.width} | {model.shape.layers} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
