"""How fast a card gets through a study's work: the figures of rates.json, which bench/roofline.py writes. No torch.

They were counted on the calls of LLaVA-1.5-7B and Qwen2.5-VL-7B in studies/paper.yaml. Other sizes are scaled from
there: work by its FLOPs, and never faster than kernels are launched.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from infohorizon.models.geometry import Geometry
from infohorizon.study.cards import CARDS, SINGLE

FILE = Path(__file__).with_name("rates.json")
OTHERS = "fastv"
"""A strategy that was not counted is taken to choose as fast as this one."""


@cache
def rates() -> dict[str, Any]:
    """rules: FLOP/s of each card, without and with compiled layers, seconds per question and layer in which it idles,
    kernels per question and layer; decode: FLOP/s of rows, kernels per step and layer; choosing: seconds of a strategy
    per setting."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def work_seconds(rule: str, card: str, flops: float, layers: float, element: int, compiled: bool = False) -> float:
    """Seconds of a rule's passes through the decoder or the vision tower.

    Args:
        layers: questions (images) · decoder layers; element: bytes of a weight; compiled: as `compile` in config.yaml.
    """
    known, facts = rates()["rules"][rule], CARDS[card]
    slower = 1.0 if element == 2 else facts.half * facts.products / (facts.single * SINGLE)
    busy = flops * slower / known["compiled" if compiled else "flops"][card] + layers * known["idle"][card]
    return max(busy, layers * known["kernels"] * facts.launch)


def decode_seconds(card: str, shape: Geometry, stored: float, steps: float, flops: float) -> float:
    """Seconds of so many steps of batches, each of which reads the weights, and of their rows' FLOPs."""
    facts, known = CARDS[card], rates()["decode"]
    step = max(stored / (facts.bandwidth * facts.streaming), shape.layers * known["kernels"] * facts.launch)
    return steps * step + flops / known["flops"][card]


def choosing_seconds(card: str, strategy: str) -> float:
    """Seconds in which a strategy of the registry chooses tokens once."""
    known = rates()["choosing"]
    return known.get(strategy, known[OTHERS])[card]
