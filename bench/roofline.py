"""What a study costs at full size on cards that are not here: every call of the engine on the meta device.

    python bench/roofline.py [--study studies/paper.yaml] [--benchmarks pope …] [--json build/roofline.json]
                             [--rates workflow/infohorizon/study/rates.json]

One question of some benchmarks goes through every stage's own code, for each model, on tensors without values
(full_size.py); FLOPs, bytes, kernels and waits are counted (meter.py), turned into each card's time (study/cards.py),
and multiplied by the study's questions. The study's other benchmarks are taken for the counted one of the same model
with the most similar text, times the ratio of the plan's formulas. Models are the study's LLaVA-1.5 and Qwen2.5-VL;
calls are as large as a card of 80 GB allows. About a minute of processor time for each model and benchmark.

Left out: Python between kernels, loading and the rounding floor. Lines of their own show answers that ramble, as if one
row of every call that decodes reached the length limit.

`--rates` writes the figures that `snakemake plan` takes its hours from, `--docs` the tables of docs/cost.md.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from full_size import CLASSES, full_size, grid_of, naming_parts
from fusions import saved
from meter import KINDS, Meter, Tally
from pages import page
from rates import rates
from snakemake.utils import update_config
from stages import STAGES, Bench, sweep_settings

from infohorizon.pipeline.docs import renew
from infohorizon.study import sizes
from infohorizon.study.cards import CARDS
from infohorizon.study.catalogue import MODELS
from infohorizon.study.cost import visual_tokens
from infohorizon.study.plan import COSTS, ELEMENT, cost_seconds
from infohorizon.study.protocols import protocol_of
from infohorizon.study.workload import Workload

ROOT = Path(__file__).resolve().parents[1]
MEMORY = 80e9
# The section of config.yaml whose `limit` says how many questions a rule works on.
SECTIONS = {
    "answer_questions": "answers",
    "measure_information": "information",
    "measure_removals": "removals",
    "measure_states": "states",
    "sweep_strategies": "sweep",
    "run_schedules": "schedule_run",
}
Costs = dict[str, dict[str, Tally]]  # by stage, by phase


def study(path: str | None) -> dict[str, Any]:
    """config.yaml, with a study's changes."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    if path:
        update_config(config, yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    return config


def loads(config: Mapping[str, Any], benchmarks: list[str] | None = None) -> list[Workload]:
    """Models and benchmarks of a study whose models this bench knows."""
    found = []
    for model in config["run"]["models"]:
        settings = config["models"][model]
        if MODELS.get(settings["source"], {}).get("model_type") not in CLASSES:
            continue
        shape = sizes.model_geometry(model, settings)
        for benchmark in benchmarks or config["run"]["benchmarks"]:
            size, _ = sizes.benchmark_size(benchmark, config["benchmarks"][benchmark], None)
            protocol = protocol_of(config, model, benchmark)
            rows, columns = grid_of(visual_tokens(shape, size.pixels, protocol["min_pixels"], protocol["max_pixels"]))
            found.append(Workload(model, benchmark, shape, ELEMENT[settings["dtype"]], size, rows * columns))
    return found


def questions(load: Workload, config: Mapping[str, Any], rule: str) -> int:
    """How many questions (images) a rule works on."""
    section = SECTIONS.get(rule)
    return load.questions(config[section].get("limit")) if section else load.size.images


class Counted:
    """What one (model, benchmark) costs.

    Attributes:
        times: how many questions (or images) every stage has; costs: what one question costs.
        steps: steps of decoding of one question, each of a batch; step: a step of answers that continue together.
        tails: what one more step costs a question if answers ramble.
        moved: bytes that elementwise operations of all questions move, by part of a layer and operation.
        saved: what one question costs less in compiled layers.
        limit: the longest answer that the protocol allows; settings: how many the sweep has of each strategy.
    """

    def __init__(self, load: Workload, config: Mapping[str, Any], models: dict[str, Any], meter: Meter) -> None:
        entry = config["models"][load.model]
        if load.model not in models:
            models[load.model] = full_size(entry["source"], entry["dtype"], {})
            naming_parts(models[load.model], meter)
        self.load, self.config = load, config
        self.limit = protocol_of(config, load.model, load.benchmark)["max_new_tokens"]
        _, settings = sweep_settings(config, load.shape.layers)
        self.settings = Counter(setting.strategy for setting in settings)
        bench = Bench(models[load.model], load, config, MEMORY, meter)
        self.costs: Costs = {}
        self.times: dict[str, int] = {}
        self.steps: dict[str, float] = {}
        self.tails: dict[str, Tally] = {}
        self.saved: dict[str, Tally] = {}
        self.moved: dict[tuple[str, str], float] = defaultdict(float)
        for rule, stage in STAGES.items():
            self.times[rule] = questions(load, config, rule)
            self.costs[rule] = bench.measure(stage)
            self.steps[rule], self.tails[rule] = bench.steps, bench.tail
            if rule == "answer_questions":
                self.step = bench.step
            self.saved[rule] = saved(meter.moved)
            for key, moved in meter.moved.items():
                self.moved[key] += moved * self.times[rule]

    def whole(self, rule: str) -> Tally:
        """One question of a rule."""
        return sum(self.costs[rule].values(), Tally())

    def rambling(self, rule: str) -> Tally:
        """What one question costs more if one row of every call, and all rows of small calls, generate up to the length
        limit."""
        return self.tails[rule] * (self.limit - self.load.size.answer)


class Estimated:
    """A benchmark that was not counted: what a counted one of the same model costs, times the ratio of the plan."""

    def __init__(self, load: Workload, config: Mapping[str, Any], counted: Sequence[Counted]) -> None:
        same = [one for one in counted if one.load.model == load.model]
        base = min(same, key=lambda one: (abs(one.load.size.text - load.size.text), one.load.size.answer))
        self.load, self.base, self.steps, self.tails = load, base, base.steps, base.tails
        self.limit = protocol_of(config, load.model, load.benchmark)["max_new_tokens"]
        self.times = {rule: questions(load, config, rule) for rule in STAGES}
        seconds = [{rule: _planned(rule, one, config) for rule in STAGES} for one in (load, base.load)]
        self.factors = {rule: seconds[0][rule] / seconds[1][rule] for rule in STAGES}
        whole = sum(seconds[0].values()) / sum(seconds[1].values())
        self.moved = {key: moved * whole for key, moved in base.moved.items()}
        each = {rule: self.factors[rule] * base.times[rule] / self.times[rule] for rule in STAGES}
        self.saved = {rule: tally * each[rule] for rule, tally in base.saved.items()}
        self.costs = {
            rule: {phase: tally * each[rule] for phase, tally in costs.items()} for rule, costs in base.costs.items()
        }

    whole = Counted.whole
    rambling = Counted.rambling


def _planned(rule: str, load: Workload, config: Mapping[str, Any]) -> float:
    return cost_seconds(rule, COSTS[rule](load, config), load, config["plan"]["card"], config["compile"])


def as_json(counted: list[Counted]) -> dict[str, Any]:
    """Every (model, benchmark): questions, and what one costs by stage and phase; seconds by card and kind."""
    found: dict[str, Any] = {}
    for one in counted:
        stages: dict[str, Any] = {}
        for rule, costs in one.costs.items():
            stages[rule] = {"times": one.times[rule], "steps": one.steps[rule], "phases": {}}
            for phase, tally in costs.items():
                stages[rule]["phases"][phase] = {
                    **{name: getattr(tally, name) for name in ("flops", "bytes", "kernels", "waits")},
                    "seconds": {
                        card: dict(zip(KINDS, np.round(row, 6).tolist(), strict=True))
                        for card, row in zip(CARDS, tally.seconds, strict=True)
                    },
                }
        found.setdefault(one.load.model, {})[one.load.benchmark] = {"visual tokens": one.load.tokens, "stages": stages}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="studies/paper.yaml")
    parser.add_argument("--benchmarks", nargs="+", default=["pope", "ocrbench", "mmbench"], help="those to count")
    parser.add_argument("--cards", nargs="+", default=list(CARDS), choices=list(CARDS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rates", type=Path)
    parser.add_argument("--docs", type=Path)
    chosen = parser.parse_args()
    config, models, meter, counted = study(chosen.study), {}, Meter(), []
    for load in loads(config, chosen.benchmarks):
        counted.append(Counted(load, config, models, meter))
        if chosen.json:  # as far as it is
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            chosen.json.write_text(json.dumps(as_json(counted), indent=1) + "\n")
    known = {(one.load.model, one.load.benchmark) for one in counted}
    others = [load for load in loads(config) if (load.model, load.benchmark) not in known]
    text = page([*counted, *(Estimated(load, config, counted) for load in others)], chosen.cards)
    print(text)
    if chosen.rates:
        chosen.rates.write_text(json.dumps(rates(counted), indent=1) + "\n")
    if chosen.docs:
        renew(chosen.docs, "tables", text, "bench/roofline.py")


if __name__ == "__main__":
    main()
