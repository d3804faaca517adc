"""A sweep of pruned answers: the engine against one setting at a time, as ratios within one run.

    python bench/pruning_sweep.py [--quick]

The baseline gives each (strategy, layer, keep) a run of its own: all tokens up to the layer, the kept ones above it.
Choosing the tokens costs both the same. They take turns on one thread; each figure is a median of three. The FLOP
bound is the ratio of their floating-point operations, choosing left out.
"""

import argparse

import torch
from common import SMOLLM2, RandomModel, alternate, table_head, table_row

from infohorizon import strategies
from infohorizon.engine import unpruned
from infohorizon.measure.questioner import Keep, Questioner
from infohorizon.measure.sweep import run_sweep, settings_of
from infohorizon.study.cost import head_flops, layer_flops, prefill_flops, resume_flops
from infohorizon.units import tokens_of

STRATEGIES = ("random", "fastv", "sparsevlm", "dart", "divprune", "pyramiddrop")
ANSWER = 3  # tokens


class Sweep:
    """All strategies at some layers and keeps, on the question of one model."""

    def __init__(self, model: RandomModel, layers: list[int], keeps: list[Keep]) -> None:
        self.model = model
        self.questioner = Questioner(model, model.batch, ANSWER)
        self.strategies = {name: strategies.create(name) for name in STRATEGIES}
        self.settings = [
            setting for strategy in self.strategies.values() for setting in settings_of(strategy, layers, keeps, 1)
        ]

    def engine(self) -> list[str]:
        """Answers under all settings from one run of the question."""
        asked = self.model.asked
        rows = run_sweep(self.questioner, self.questioner.trace(asked), asked, self.strategies, self.settings)
        return [row["answer"] for row in rows]

    def baseline(self) -> list[str]:
        """The same answers, the question run again for each setting."""
        asked = self.model.asked
        answers = []
        for setting in self.settings:
            trace = self.questioner.trace(asked)
            kept = self.questioner.select(trace, asked, self.strategies, setting).kept
            answers += self.questioner.answers(unpruned(trace.prune(setting.layer, kept)), asked)
        return [row["answer"] for row in answers]

    def flop_bound(self) -> float:
        """FLOPs of `baseline` over those of `engine`."""
        shape, prompt = self.model.shape, self.model.question
        total = len(prompt.embeddings)
        baseline, engine = 0.0, prefill_flops(shape, total)
        for setting in self.settings:
            short = tokens_of(setting.keep, prompt.count) + prompt.suffix
            token = shape.layers * layer_flops(shape, 1, prompt.start + short) + head_flops(shape)
            below = setting.layer * layer_flops(shape, total)
            baseline += below + resume_flops(shape, setting.layer, prompt.start + short, 0) + (ANSWER - 1) * token
            engine += resume_flops(shape, setting.layer, short, prompt.start) + (ANSWER - 1) * token
        return baseline / engine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one repeat")
    repeats = 1 if parser.parse_args().quick else 3
    torch.set_num_threads(1)
    print(table_head())
    for model, layers, keeps in (
        (RandomModel(width=512, depth=12, side=24, text=40), range(1, 12, 2), [32, 64, 128]),
        (RandomModel(width=128, depth=7, side=8, text=12), range(1, 7), [8, 16, 32]),
        (RandomModel(width=576, depth=30, side=8, text=20, **SMOLLM2), range(3, 30, 3), [8]),
    ):
        swept = Sweep(model, list(layers), keeps)
        times = alternate(swept.baseline, swept.engine, repeats)
        print(table_row(f"sweep, {len(swept.settings)} settings", model, times, swept.flop_bound()))


if __name__ == "__main__":
    main()
