"""What each rule that runs a model has to do for one model on one benchmark: FLOPs, weight reads, bytes on disk.

The formulas are those of cost.py, summed over the settings of a configuration. Selecting tokens is left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from infohorizon import strategies
from infohorizon.models.geometry import Geometry
from infohorizon.study.catalogue import Size
from infohorizon.study.configuration import Config, schedules_of, stages_of, strategies_of
from infohorizon.study.cost import (
    head_flops,
    image_bytes,
    layer_flops,
    prefill_flops,
    present_tokens,
    resume_flops,
    vision_flops,
)
from infohorizon.study.sharding import SPLITS
from infohorizon.units import layers_of, tokens_of

PREFIX = 35  # tokens before the image: vicuna_v1's; Qwen2.5-VL has 15
# Bytes of a table's row on disk, compressed, as small runs have them; an index in the column `kept`.
INFORMATION_ROW, ANSWER_ROW, REMOVAL_VALUES, STATES_ROW, KEPT = 34, 40, 24, 18, 2


@dataclass(frozen=True)
class Workload:
    """One model on one benchmark: `tokens` visual tokens per image, `element` bytes per weight."""

    model: str
    benchmark: str
    shape: Geometry
    element: int
    size: Size
    tokens: int

    @property
    def sequence(self) -> int:
        """Tokens of a prompt: prefix, image, text."""
        return PREFIX + self.tokens + self.size.text

    @property
    def stored(self) -> int:
        """Bytes of the weights on disk."""
        return self.shape.parameters * self.element

    def questions(self, limit: int | None) -> int:
        """How many questions a rule with this limit works on."""
        return min(limit or self.size.questions, self.size.questions)


@dataclass(frozen=True)
class Cost:
    """FLOPs, how often the weights are read to generate a token, and bytes on disk."""

    flops: float = 0.0
    reads: float = 0.0
    disk: float = 0.0

    def __mul__(self, times: float) -> "Cost":
        return Cost(self.flops * times, self.reads * times, self.disk * times)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.reads + other.reads, self.disk + other.disk)


def encode_images(load: Workload, config: Config) -> Cost:
    """Every image once."""
    each = Cost(vision_flops(load.shape, load.tokens), disk=image_bytes(load.shape, load.tokens, load.element))
    return each * load.size.images


def answer_questions(load: Workload, config: Config) -> Cost:
    """Full and blind answers, one question at a time, and both once more with the label's tokens."""
    prefills = prefill_flops(load.shape, load.sequence) + prefill_flops(load.shape, PREFIX + load.size.text)
    each = Cost(2 * prefills, disk=2 * ANSWER_ROW) + _decode(load, rows=2, calls=2)
    return each * load.questions(config["answers"].get("limit"))


def answer_downsampled(load: Workload, config: Config) -> Cost:
    """Every image anew for each question, and an answer; where the number of tokens is fixed all of them are asked."""
    return _smaller(load, config["answers"]["downsample"]) * load.questions(config["answers"].get("limit"))


def _smaller(load: Workload, keeps: Sequence[int | float]) -> Cost:
    """One question about its image at some lower resolutions."""
    cost, fixed = Cost(), load.shape.square is not None
    for keep in keeps:
        tokens = load.tokens if fixed else tokens_of(keep, load.tokens)
        flops = vision_flops(load.shape, tokens) + prefill_flops(load.shape, PREFIX + tokens + load.size.text)
        cost += Cost(flops, disk=ANSWER_ROW) + _decode(load, rows=1)
    return cost


def measure_information(load: Workload, config: Config) -> Cost:
    """One prefill; per layer every window, and no visual token at all."""
    settings, text = config["information"], load.size.text
    area = settings["window"] ** 2
    windows = math.ceil(load.tokens / area)
    if settings["windows"] != "all":
        windows = min(windows, settings["windows"])
    if settings["removal"] in ("zero", "mean"):
        kept = load.tokens
    else:
        kept = area if settings["context"] == "text" else load.tokens - area
    layers = layers_of(settings["layers"], load.shape.layers)
    flops = prefill_flops(load.shape, load.sequence)
    for layer in layers:
        flops += windows * resume_flops(load.shape, layer, kept + text, PREFIX)
        flops += resume_flops(load.shape, layer, text, PREFIX)
    each = Cost(flops, disk=len(layers) * windows * INFORMATION_ROW)
    return each * load.questions(settings.get("limit"))


def measure_removals(load: Workload, config: Config) -> Cost:
    """One prefill; per layer a row for every removal, with its answer."""
    settings, text = config["removals"], load.size.text
    layers = layers_of(settings["layers"], load.shape.layers)
    image = PREFIX + load.tokens
    new_and_cached = {
        "delete": (text, PREFIX),
        "zero": (load.tokens + text, PREFIX),
        "mean": (load.tokens + text, PREFIX),
        "text": (1, image),
    }
    flops = prefill_flops(load.shape, load.sequence)
    for name in settings["names"]:
        flops += sum(resume_flops(load.shape, layer, *new_and_cached[name]) for layer in layers)
    rows = len(settings["names"]) * len(layers)
    each = Cost(flops, disk=rows * (ANSWER_ROW + REMOVAL_VALUES))
    each += _decode(load, rows, calls=len(settings["names"]))
    return each * load.questions(settings.get("limit"))


def measure_states(load: Workload, config: Config) -> Cost:
    """One prefill; the queries of visual tokens, computed again, and the eigenvalues are left out."""
    layers = layers_of(config["states"]["layers"], load.shape.layers)
    each = Cost(prefill_flops(load.shape, load.sequence), disk=len(layers) * STATES_ROW)
    return each * load.questions(config["states"].get("limit"))


def sweep_strategies(load: Workload, config: Config) -> Cost:
    """One prefill for all strategies; a row per strategy, layer, keep and repeat."""
    settings = config["sweep"]
    each = Cost(prefill_flops(load.shape, load.sequence))
    for name in settings["strategies"]:
        entry = strategies.entry(name, config["strategies"])
        first = strategies.first_layer(name, config["strategies"], load.shape.layers)
        layers = layers_of(settings["layers"], load.shape.layers, max(1, first))
        repeats = min(settings["repeats"], entry.repeats or settings["repeats"]) if entry.random else 1
        for keep in [0] if entry.keeps_none else settings["keep"]:
            kept = tokens_of(keep, load.tokens)
            rows = len(layers) * repeats
            flops = repeats * sum(resume_flops(load.shape, layer, kept + load.size.text, PREFIX) for layer in layers)
            each += Cost(flops, disk=rows * _row_bytes(kept, config)) + _decode(load, rows)
    return each * load.questions(settings.get("limit"))


def run_schedules(load: Workload, config: Config) -> Cost:
    """One prefill; every schedule from the first layer on at which tokens leave."""
    each = Cost(prefill_flops(load.shape, load.sequence))
    for name in schedules_of(config):
        stages = stages_of(config, name, load.shape.layers)
        present = present_tokens(stages, load.tokens, load.shape.layers)
        flops = head_flops(load.shape)
        for count in present:
            if count < load.tokens:
                flops += layer_flops(load.shape, PREFIX + count + load.size.text)
        kept = sum(present[layer] for layer, _, _ in stages)
        row = Cost(flops, disk=_row_bytes(kept, config)) + _decode(load, rows=1)
        entries = [strategies.entry(strategy, config["strategies"]) for strategy in strategies_of(config, name)]
        each += row * (config["sweep"]["repeats"] if any(entry.random for entry in entries) else 1)
    return each * load.questions(config["schedule_run"].get("limit"))


def try_schedules(load: Workload, config: Config, split: str) -> Cost:
    """At most what one split of `recommend` runs: all candidates on the first, one schedule a role on the other.

    A schedule is taken for one stage at layer 0 that keeps its budget's share of the tokens, and repeated as often as a
    random one.
    """
    settings, repeats = config["recommend"], config["sweep"]["repeats"]
    hybrids = settings["hybrids"]
    runs = settings["tries"] + len(hybrids) + 1 if split == SPLITS[0] else 3 + bool(hybrids)
    each = Cost(prefill_flops(load.shape, load.sequence))
    for budget in settings["budgets"]:
        kept = tokens_of(budget, load.tokens)
        row = Cost(resume_flops(load.shape, 0, kept + load.size.text, PREFIX), disk=_row_bytes(kept, config))
        each += (row + _decode(load, rows=1)) * (runs * repeats)
    return each * _tried(load, config)


def try_downsampled(load: Workload, config: Config, split: str) -> Cost:
    """An answer for each budget, on either split."""
    return _smaller(load, config["recommend"]["budgets"]) * _tried(load, config)


def _tried(load: Workload, config: Config) -> int:
    """Questions of one split of `recommend`: half of the images that have an unpruned answer, as far as its limit."""
    half = math.ceil(load.questions(config["answers"].get("limit")) / 2)
    return min(config["recommend"]["limit"] or half, half)


def _decode(load: Workload, rows: int, calls: int = 1) -> Cost:
    """Answer tokens after the first: rows of them, in so many batches."""
    tokens = load.size.answer - 1
    each = load.shape.layers * layer_flops(load.shape, 1, load.sequence) + head_flops(load.shape)
    return Cost(rows * tokens * each, reads=calls * tokens)


def _row_bytes(kept: int, config: Config) -> int:
    """Bytes of an answer's row with so many kept tokens, which are stored or not."""
    return ANSWER_ROW + KEPT * kept if config["sweep"]["store_kept"] else ANSWER_ROW
