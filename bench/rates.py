"""From counted calls to the figures of workflow/infohorizon/study/rates.json (what they mean: study/rates.py)."""

from collections.abc import Sequence
from typing import Any

from meter import KINDS, Tally

from infohorizon.study.cards import CARDS
from infohorizon.study.plan import COSTS, COUNTED
from infohorizon.study.workload import Cost

BUSY = slice(0, 3)  # products, attention, elementwise; then launches and waits
assert KINDS[BUSY] == ("products", "attention", "elementwise")


def rates(counted: Sequence[Any]) -> dict[str, Any]:
    """Figures with which the plan's formulas give the counted seconds of all benchmarks and models together.

    Args:
        counted: `roofline.Counted`s.
    """
    rules = {rule: _rule(rule, counted) for rule in COUNTED}
    return {"rules": rules, "decode": _decode(counted), "choosing": _choosing(counted)}


def _rule(rule: str, counted: Sequence[Any]) -> dict[str, Any]:
    cost = sum((COSTS[rule](one.load, one.config) for one in counted), Cost())
    passes = sum((one.costs[rule].get("", Tally()) * one.times[rule] for one in counted), Tally())
    busy, idle = passes.seconds[:, BUSY].sum(axis=1), passes.seconds[:, 3:].sum(axis=1)
    compiled = busy - sum((one.saved[rule] * one.times[rule] for one in counted), Tally()).seconds.sum(axis=1)
    return {
        "flops": {card: _rounded(cost.flops / busy[i]) for i, card in enumerate(CARDS)},
        "compiled": {card: _rounded(cost.flops / compiled[i]) for i, card in enumerate(CARDS)},
        "idle": {card: _rounded(idle[i] / cost.layers) for i, card in enumerate(CARDS)},
        "kernels": _rounded(passes.kernels / cost.layers),
    }


def _decode(counted: Sequence[Any]) -> dict[str, Any]:
    """Kernels of a step from answers that continue together; rows' FLOP/s from what batches take beyond their steps."""
    kernels = sum(one.step.kernels / one.load.shape.layers for one in counted) / len(counted)
    flops = {}
    for i, (card, facts) in enumerate(CARDS.items()):
        seconds = decoded = 0.0
        for one in counted:
            for rule in COUNTED:
                cost = COSTS[rule](one.load, one.config)
                weights = one.load.stored / (facts.bandwidth * facts.streaming)
                step = max(weights, one.load.shape.layers * kernels * facts.launch)
                steps = one.steps[rule] * one.times[rule]
                counted_seconds = one.costs[rule].get("decode", Tally()).seconds[i].sum() * one.times[rule]
                seconds += counted_seconds - steps * step
                decoded += cost.decoded
        flops[card] = _rounded(decoded / seconds)
    return {"flops": flops, "kernels": _rounded(kernels)}


def _choosing(counted: Sequence[Any]) -> dict[str, dict[str, float]]:
    """Seconds of a strategy per setting, over the sweep's layers and keeps."""
    found = {}
    for name in counted[0].config["sweep"]["strategies"]:
        if name in counted[0].config["strategies"]:  # a variant: what it is made of is there itself
            continue
        whole, settings = Tally(), 0
        for one in counted:
            times = one.times["sweep_strategies"]
            whole += one.costs["sweep_strategies"].get(f"choose {name}", Tally()) * times
            settings += one.settings[name] * times
        seconds = whole.seconds.sum(axis=1) / settings
        found[name] = {card: _rounded(seconds[i]) for i, card in enumerate(CARDS)}
    return found


def _rounded(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")
