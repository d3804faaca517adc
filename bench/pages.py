"""Tables of what was counted: hours by stage and model, by phase, and of elementwise work."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fusions import FUSIONS
from meter import KINDS, Tally
from stages import STAGES

from infohorizon.study.cards import CARDS


def page(counted: Sequence[Any], cards: list[str]) -> str:
    """Hours of all questions by stage and model, and what they are made of; `counted`: Counted or Estimated."""
    models = list(dict.fromkeys(one.load.model for one in counted))
    lines = ["| stage | model | " + " | ".join(f"{card} h" for card in cards) + " | " + " | ".join(KINDS) + " |"]
    lines.append("|---" * (2 + len(cards) + len(KINDS)) + "|")
    total, more = Tally(), defaultdict(Tally)
    for rule in STAGES:
        for model in models:
            here = [one for one in counted if one.load.model == model]
            tally = sum((one.whole(rule) * one.times[rule] for one in here), Tally())
            more[rule] = sum((one.rambling(rule) * one.times[rule] for one in here), more[rule])
            total += tally
            lines.append(_line(rule, model, tally, cards))
    lines.append(_line("all", "", total, cards))
    saved = sum((one.saved[rule] * one.times[rule] for one in counted for rule in STAGES), Tally())
    lines.append(_line("all with `compile: true`", "", total + saved * -1, cards))
    batched = more["sweep_strategies"] + more["measure_removals"]
    lines.append(_line("one row of each large call rambles: more", "", batched, cards))
    single = more["answer_questions"] + more["run_schedules"]
    lines.append(_line("every answer and schedule rambles: more", "", single, cards))
    return "\n".join([*lines, "", *_phases(counted, cards), "", *_fusions(counted, cards)])


def _line(stage: str, model: str, tally: Tally, cards: list[str]) -> str:
    hours = " | ".join(f"{tally.total(card) / 3600:.1f}" for card in cards)
    seconds = tally.seconds[list(CARDS).index(cards[0])]
    shares = " | ".join(f"{share:.0%}" for share in seconds / max(seconds.sum(), 1e-12))
    return f"| {stage} | {model} | {hours} | {shares} |"


def _phases(counted: Sequence[Any], cards: list[str]) -> list[str]:
    """Hours of decoding and of choosing, in all stages."""
    phases: dict[str, Tally] = defaultdict(Tally)
    for one in counted:
        for rule, costs in one.costs.items():
            for phase, tally in costs.items():
                phases[phase or "the layers themselves"] += tally * one.times[rule]
    lines = ["| of that | " + " | ".join(f"{card} h" for card in cards) + " |", "|---" * (1 + len(cards)) + "|"]
    for phase, tally in sorted(phases.items(), key=lambda item: -item[1].total(cards[0])):
        lines.append(f"| {phase} | " + " | ".join(f"{tally.total(card) / 3600:.2f}" for card in cards) + " |")
    return lines


def _fusions(counted: Sequence[Any], cards: list[str]) -> list[str]:
    """Hours that elementwise operations take in decoder layers, and what one kernel for each would take."""
    moved: dict[tuple[str, str], float] = defaultdict(float)
    for one in counted:
        for key, size in one.moved.items():
            moved[key] += size
    lines = ["| elementwise | " + " | ".join(f"{card} h" for card in cards) + " | as one kernel |"]
    lines.append("|---" * (2 + len(cards)) + "|")
    for name, fusion in FUSIONS.items():
        now = fusion.now(moved)
        speeds = [CARDS[card].bandwidth * CARDS[card].streaming for card in cards]
        best = f"{fusion.fused(moved) / speeds[0] / 3600:.1f}" if fusion.factor else "–"
        lines.append(f"| {name} | " + " | ".join(f"{now / speed / 3600:.1f}" for speed in speeds) + f" | {best} |")
    return lines
