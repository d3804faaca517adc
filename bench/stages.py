"""The stages of a study, one question each, as workflow/scripts/ runs them, counted by a meter.

The stages are the engine's own code. What depends on weights is fixed: strategies that read a score back keep the first
tokens; half of SparseVLM's text tokens rate; answers have the length that the catalogue says, and labels one token
less. The other settings of a question are the configuration's.
"""

from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any

import torch
from full_size import grid_of
from meter import Kernels, Meter, Tally
from phases import Phases, Replaced, Together
from torch import Tensor

from infohorizon import strategies
from infohorizon.engine import Batch, Unfinished, prefill
from infohorizon.engine.unfinished import Row
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.questioner import Asked, Questioner, Setting
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.measure.schedules import Plan, Stage, repeats_of, run_schedules
from infohorizon.measure.states import state_rows
from infohorizon.measure.sweep import run_sweep, settings_of
from infohorizon.measure.windows import drawn, windows
from infohorizon.models.base import Encoded
from infohorizon.models.vision_table import vision_row
from infohorizon.strategies.divprune import DivPrune
from infohorizon.study.configuration import Config, schedules_of, stages_of, strategies_of
from infohorizon.study.workload import Workload, room
from infohorizon.tables.resumable import CHUNK
from infohorizon.units import layers_of

PICKS = 64  # of DivPrune's that are really made: by then launches have caught up with what comes before the picks


class Bench:
    """The stages of one model on one benchmark, one question each.

    Args:
        model: of `full_size`; load: its workload, whose tokens fill `grid_of` them.
        memory: bytes of the card, which set how many rows a call has.

    Attributes:
        steps: steps of decoding of the stage that was measured last, each of a whole batch, per question.
        step: one of answers that continue together.
        tail: what a step more costs a question, if one row of every call and all rows of small calls ramble.
    """

    def __init__(self, model: Any, load: Workload, config: Config, memory: float, meter: Meter) -> None:
        self.model, self.load, self.config, self.meter = model, load, config, meter
        model.load_of_question = load
        grid = grid_of(load.tokens)
        count, shape = grid[0] * grid[1], load.shape
        features, keys = torch.empty(count, shape.feature_width).half(), torch.empty(count, shape.key_width).half()
        encoded = Encoded(grid, features, *[torch.zeros(count)] * 4, keys)
        self.asked = Asked("question", "", "", encoded, lambda layer, by: torch.zeros(count))
        self.batch = Batch("auto", 1, torch.device("cpu"))
        self.batch.tokens, self.batch.room = room(load, memory)
        self.batch.most = None, self.batch.tokens
        self.questioner = Questioner(model, self.batch, load.size.answer)
        self.order: dict[tuple[int, int, int], Tally] = {}
        self.steps, self.step, self.tail = 0.0, Tally(), Tally()

    def measure(self, stage: Callable[["Bench"], None]) -> dict[str, Tally]:
        """What one question of a stage (one image of `encode_images`) costs, by phase."""
        meter = self.meter
        meter.tallies.clear()
        meter.moved.clear()
        few: list[Row] = []
        first: list[Row] = []
        own: list[float] = []
        with Kernels(meter), meter, Phases(meter, few, first, own), self._divprune():
            stage(self)
            more, (once, step, share) = self.load.size.answer - 1, self._together(few)
            with meter.during("decode"):
                meter.add((once + step * (more - 1)) * (share * (more > 0)))
            self.steps, self.step = (sum(own) + share) * more, step
            self.tail = self._together([*few, *first]).step_of_a_question
            meter.settle()
        return dict(meter.tallies)

    def _together(self, rows: Sequence[Row]) -> "Together":
        """What rows that a question leaves to wait cost: as many as may wait continue together, of CHUNK questions."""
        if not rows:
            return Together(Tally(), Tally(), 0.0)
        tokens = sum(row.tokens for row in rows) / len(rows)
        size = min(CHUNK * len(rows), max(1, int(self.batch.waiting / tokens)))
        together = sorted(islice(cycle(rows), size), key=lambda row: row.tokens)  # as `finish` has them
        once, twice = (self.meter.counted(lambda steps=steps: self._continue(together, steps)) for steps in (1, 2))
        return Together(once, twice + once * -1, len(rows) / size)

    def _continue(self, rows: Sequence[Row], steps: int) -> None:
        """So many steps of all rows."""
        waiting = Unfinished(self.model.language_model, self.batch, 1 + steps, ())
        waiting._continue([Row([0], row.caches, row.places) for row in rows])

    def _divprune(self) -> Any:
        """DivPrune's picks are alike: `PICKS` and one more are counted, once for each size, the others extrapolated."""
        bench = self

        def orders(strategy: DivPrune, distances: Tensor, keep: int) -> Tensor:
            layers, count, _ = distances.shape
            if (layers, count, keep) not in bench.order:
                few = min(keep, PICKS)
                costs = bench.meter.counted(lambda: original(strategy, distances, few))
                if keep > few:
                    more = bench.meter.counted(lambda: original(strategy, distances, few + 1))
                    costs += (more + costs * -1) * (keep - few)
                bench.order[layers, count, keep] = costs
            bench.meter.add(bench.order[layers, count, keep])
            return torch.arange(keep).expand(layers, -1).to("meta")

        original = DivPrune.orders
        return Replaced(DivPrune, "orders", orders)


# The stages, as workflow/scripts/ runs them on one question.


def encode_images(bench: Bench) -> None:
    from PIL import Image

    vision_row("image", bench.model.encode([Image.new("RGB", (8, 8))])[0], wide=False)


def answer_questions(bench: Bench) -> None:
    trace = bench.questioner.trace(bench.asked)
    bench.questioner.worth(trace, bench.asked)
    bench.questioner.answer(trace, bench.asked)
    bench.questioner.blind(trace, bench.asked)


def measure_information(bench: Bench) -> None:
    chosen = bench.config["information"]
    names = ("window", "removal", "context", "positions")
    measurement = Measurement(**{name: chosen[name] for name in names if name in chosen})
    layers = layers_of(chosen["layers"], bench.load.shape.layers)
    only = list(drawn(len(windows(bench.asked.encoded.grid, measurement.window)), chosen["windows"], "question"))
    token_information(bench.model, bench.asked, layers, bench.batch, measurement, only)


def measure_removals(bench: Bench) -> None:
    chosen = bench.config["removals"]
    layers = layers_of(chosen["layers"], bench.load.shape.layers)
    run_removals(bench.questioner, bench.asked, [Cell(name, layer) for name in chosen["names"] for layer in layers])


def measure_states(bench: Bench) -> None:
    trace = prefill(bench.model.language_model, bench.model.prompt("", bench.asked.encoded))
    state_rows(trace, layers_of(bench.config["states"]["layers"], bench.load.shape.layers))


def sweep_settings(config: Config, depth: int) -> tuple[dict[str, Any], list[Setting]]:
    """The sweep's strategies by name, and all its settings on a model of `depth` layers."""
    chosen, settings = config["sweep"], []
    used = {name: strategies.create(name, config["strategies"]) for name in chosen["strategies"]}
    for name, strategy in used.items():
        first = strategies.first_layer(name, config["strategies"], depth)
        layers = layers_of(chosen["layers"], depth, max(1, first))
        settings += settings_of(strategy, layers, chosen["keep"], chosen["repeats"])
    return used, settings


def sweep_strategies(bench: Bench) -> None:
    used, settings = sweep_settings(bench.config, bench.load.shape.layers)
    trace = bench.questioner.trace(bench.asked)
    run_sweep(bench.questioner, trace, bench.asked, used, settings, bench.config["sweep"]["positions"])


def all_schedules(bench: Bench) -> None:
    config, depth = bench.config, bench.load.shape.layers
    names = schedules_of(config)
    plans = {
        name: Plan([Stage(*stage) for stage in stages_of(config, name, depth)], config["schedules"][name]["positions"])
        for name in names
    }
    used = {one: strategies.create(one, config["strategies"]) for name in names for one in strategies_of(config, name)}
    repeats = {name: repeats_of(plan.stages, used, config["sweep"]["repeats"]) for name, plan in plans.items()}
    runs = [(name, repeat) for name in names for repeat in range(repeats[name])]
    run_schedules(bench.questioner, bench.asked, plans, used, runs)


STAGES: dict[str, Callable[[Bench], None]] = {
    "encode_images": encode_images,
    "answer_questions": answer_questions,
    "measure_information": measure_information,
    "measure_removals": measure_removals,
    "measure_states": measure_states,
    "sweep_strategies": sweep_strategies,
    "run_schedules": all_schedules,
}
