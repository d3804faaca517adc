"""What each rule that runs a model has to do for one model on one benchmark.

The formulas are those of cost.py, summed over the settings of a configuration, on the card that it plans for.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

from infohorizon import strategies
from infohorizon.study.configuration import Config, schedules_of, stages_of, strategies_of
from infohorizon.study.cost import (
    PREFIX,
    head_flops,
    image_bytes,
    last_layer_flops,
    layer_flops,
    prefill_flops,
    present_tokens,
    resume_flops,
    vision_flops,
)
from infohorizon.study.rates import choosing_seconds
from infohorizon.study.sharding import SPLITS
from infohorizon.study.workload import Cost, Waiting, Workload, calls_of, generation, joint_calls, rows_of
from infohorizon.units import layers_of, tokens_of

# Bytes of a table's row on disk, compressed, as small runs have them; an index in the column `kept`.
INFORMATION_ROW, ANSWER_ROW, REMOVAL_VALUES, STATES_ROW, KEPT = 34, 40, 24, 18, 2


def encode_images(load: Workload, config: Config) -> Cost:
    """Every image once."""
    disk = image_bytes(load.shape, load.tokens, load.element)
    return Cost(vision_flops(load.shape, load.tokens), load.shape.layers, disk=disk) * load.size.images


def answer_questions(load: Workload, config: Config) -> Cost:
    """Full and blind answers, one question at a time, and both with the label's tokens: blind once more, full where
    the label has several."""
    text, forced = PREFIX + load.size.text, load.size.forced
    flops = prefill_flops(load.shape, load.sequence) + prefill_flops(load.shape, text)
    flops += prefill_flops(load.shape, text + forced, 1 + forced)
    if forced:
        flops += prefill_flops(load.shape, load.sequence + forced, 1 + forced)
    calls = joint_calls(load, config, [(1, load.sequence), (1, text)])
    each = Cost(flops, load.shape.layers, disk=2 * ANSWER_ROW) + generation(load, rows=2, calls=calls)
    return each * load.questions(config["answers"].get("limit"))


def answer_downsampled(load: Workload, config: Config) -> Cost:
    """An encoded image and an answer for each question and keep; where the number of tokens is fixed, all are asked."""
    return _smaller(load, config, config["answers"]["downsample"]) * load.questions(config["answers"].get("limit"))


def _smaller(load: Workload, config: Config, keeps: Sequence[int | float]) -> Cost:
    """One question about its image at some lower resolutions."""
    cost, waiting, fixed = Cost(), [], load.shape.square is not None
    for keep in keeps:
        tokens = load.tokens if fixed else tokens_of(keep, load.tokens)
        prompt = PREFIX + tokens + load.size.text
        flops = vision_flops(load.shape, tokens) + prefill_flops(load.shape, prompt)
        cost += Cost(flops, load.shape.layers, disk=ANSWER_ROW) + generation(load, rows=1)
        waiting.append((1, float(prompt)))
    return cost + generation(load, calls=joint_calls(load, config, waiting))


def measure_information(load: Workload, config: Config) -> Cost:
    """One prefill with the label's tokens; per layer every window, and no visual token at all."""
    settings, forced = config["information"], load.size.forced
    text, read, area = load.size.text + forced, 1 + forced, settings["window"] ** 2
    windows = math.ceil(load.tokens / area)
    if settings["windows"] != "all":
        windows = min(windows, settings["windows"])
    if settings["removal"] in ("zero", "mean"):
        kept = load.tokens
    else:
        kept = area if settings["context"] == "text" else load.tokens - area
    layers = layers_of(settings["layers"], load.shape.layers)
    flops = prefill_flops(load.shape, load.sequence + forced, read)
    for layer in layers:
        flops += windows * resume_flops(load.shape, layer, kept + text, PREFIX, read)
        flops += resume_flops(load.shape, layer, text, PREFIX, read)
    each = Cost(flops, load.shape.layers, disk=len(layers) * windows * INFORMATION_ROW)
    return each * load.questions(settings.get("limit"))


def measure_removals(load: Workload, config: Config) -> Cost:
    """One prefill with the label's tokens; per layer a row for every removal, with its answer."""
    settings, forced = config["removals"], load.size.forced
    text, read, image = load.size.text + forced, 1 + forced, PREFIX + load.tokens
    layers = layers_of(settings["layers"], load.shape.layers)
    new_and_cached = {
        "delete": (text, PREFIX),
        "zero": (load.tokens + text, PREFIX),
        "mean": (load.tokens + text, PREFIX),
        "text": (read, image),
    }
    flops, shared = prefill_flops(load.shape, load.sequence + forced, read), []
    for name in settings["names"]:
        new, cached = new_and_cached[name]
        flops += sum(resume_flops(load.shape, layer, new, cached, read) for layer in layers)
        shared.append(rows_of(load, layers, new, new + cached - forced))
    rows, calls = len(settings["names"]) * len(layers), calls_of(load, config, shared)
    each = Cost(flops, load.shape.layers, disk=rows * (ANSWER_ROW + REMOVAL_VALUES)) + generation(load, rows, calls)
    return each * load.questions(settings.get("limit"))


def measure_states(load: Workload, config: Config) -> Cost:
    """One prefill; what is made of its states is in the rate of this rule."""
    layers = layers_of(config["states"]["layers"], load.shape.layers)
    each = Cost(prefill_flops(load.shape, load.sequence), load.shape.layers, disk=len(layers) * STATES_ROW)
    return each * load.questions(config["states"].get("limit"))


def sweep_strategies(load: Workload, config: Config) -> Cost:
    """One prefill for all strategies; a row per strategy, layer, keep and repeat; rows of one size share calls."""
    settings, card = config["sweep"], config["plan"]["card"]
    each = Cost(prefill_flops(load.shape, load.sequence), load.shape.layers)
    batches: dict[tuple[int, bool, bool], list[int]] = defaultdict(list)  # layers
    for name in settings["strategies"]:
        entry = strategies.entry(name, config["strategies"])
        first = strategies.first_layer(name, config["strategies"], load.shape.layers)
        layers = layers_of(settings["layers"], load.shape.layers, max(1, first))
        repeats = min(settings["repeats"], entry.repeats or settings["repeats"]) if entry.random else 1
        source = _choosing(name, config)
        for keep in [0] if entry.keeps_none else settings["keep"]:
            kept, rows = tokens_of(keep, load.tokens), len(layers) * repeats
            flops = repeats * sum(resume_flops(load.shape, layer, kept + load.size.text, PREFIX) for layer in layers)
            choosing = rows * choosing_seconds(card, source)
            each += Cost(flops, choosing=choosing, disk=rows * _row_bytes(kept, config)) + generation(load, rows)
            # DART keeps a few tokens fewer than it is asked for; tokens that merge have other states.
            batches[kept, source == "dart", entry.merges] += layers * repeats
    shared = [
        rows_of(load, layers, kept + load.size.text, PREFIX + kept + load.size.text)
        for (kept, *_), layers in batches.items()
    ]
    calls = calls_of(load, config, shared)
    return (each + generation(load, calls=calls)) * load.questions(settings.get("limit"))


def run_schedules(load: Workload, config: Config) -> Cost:
    """One prefill; every schedule from the first layer on at which tokens leave."""
    each, waiting = Cost(prefill_flops(load.shape, load.sequence), load.shape.layers), list[Waiting]()
    for name in schedules_of(config):
        stages = stages_of(config, name, load.shape.layers)
        present = present_tokens(stages, load.tokens, load.shape.layers)
        flops = head_flops(load.shape)
        for layer, count in enumerate(present):
            if count < load.tokens:
                run = layer_flops if layer + 1 < load.shape.layers else last_layer_flops
                flops += run(load.shape, PREFIX + count + load.size.text)
        kept = sum(present[layer] for layer, _, _ in stages)
        entries = [strategies.entry(strategy, config["strategies"]) for strategy in strategies_of(config, name)]
        repeats = config["sweep"]["repeats"] if any(entry.random for entry in entries) else 1
        sources = [_choosing(strategy, config) for _, strategy, _ in stages]
        choosing = sum(choosing_seconds(config["plan"]["card"], source) for source in sources)
        row = Cost(flops, load.shape.layers, choosing=choosing, disk=_row_bytes(kept, config))
        each += (row + generation(load, rows=1)) * repeats
        waiting += [(1, PREFIX + sum(present) / len(present) + load.size.text)] * repeats
    each += generation(load, calls=joint_calls(load, config, waiting))
    return each * load.questions(config["schedule_run"].get("limit"))


def try_schedules(load: Workload, config: Config, split: str) -> Cost:
    """At most what one split of `recommend` runs: all candidates on the first, one schedule a role on the other.

    A schedule is taken for one stage at layer 0 that keeps its budget's share of the tokens, and repeated as often as a
    random one.
    """
    settings, repeats = config["recommend"], config["sweep"]["repeats"]
    configured = settings["schedules"]
    runs = settings["tries"] + len(configured) + 1 if split == SPLITS[0] else 3 + bool(configured)
    each, waiting = Cost(prefill_flops(load.shape, load.sequence), load.shape.layers), list[Waiting]()
    for budget in settings["budgets"]:
        kept = tokens_of(budget, load.tokens)
        flops = resume_flops(load.shape, 0, kept + load.size.text, PREFIX)
        row = Cost(flops, load.shape.layers, disk=_row_bytes(kept, config))
        each += (row + generation(load, rows=1)) * (runs * repeats)
        waiting += [(1, float(PREFIX + kept + load.size.text))] * (runs * repeats)
    return (each + generation(load, calls=joint_calls(load, config, waiting))) * _tried(load, config)


def try_downsampled(load: Workload, config: Config, split: str) -> Cost:
    """An answer for each budget, on either split."""
    return _smaller(load, config, config["recommend"]["budgets"]) * _tried(load, config)


def _tried(load: Workload, config: Config) -> int:
    """Questions of one split of `recommend`: half of the images that have an unpruned answer, as far as its limit."""
    half = math.ceil(load.questions(config["answers"].get("limit")) / 2)
    return min(config["recommend"]["limit"] or half, half)


def _choosing(name: str, config: Config) -> str:
    """The registry's name of the strategy that chooses: of a random one that matches another, the other."""
    return strategies.source_of(strategies.matched_by(name, config["strategies"]) or name, config["strategies"])


def _row_bytes(kept: int, config: Config) -> int:
    """Bytes of an answer's row with so many kept tokens, which are stored or not."""
    return ANSWER_ROW + KEPT * kept if config["sweep"]["store_kept"] else ANSWER_ROW
