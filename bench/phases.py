"""What of a stage is counted apart: decoding, of which some steps are extrapolated, and each strategy's choosing."""

from collections import defaultdict
from typing import Any, NamedTuple

import torch
from meter import Meter, Tally, known

from infohorizon.capacity import FEW
from infohorizon.engine import decoding
from infohorizon.engine.unfinished import Row
from infohorizon.measure import questioner as questioning
from infohorizon.measure.questioner import Choice, Questioner


class Replaced:
    """A method of a class is another one inside."""

    def __init__(self, owner: Any, name: str, value: Any) -> None:
        self.owner, self.name, self.value, self.before = owner, name, value, getattr(owner, name)

    def __enter__(self) -> None:
        setattr(self.owner, self.name, self.value)

    def __exit__(self, *_: object) -> None:
        setattr(self.owner, self.name, self.before)


class Together(NamedTuple):
    """once: the first step of rows that continue together; step: each further one; share: of one question in it."""

    once: Tally
    step: Tally
    share: float

    @property
    def step_of_a_question(self) -> Tally:
        return self.step * self.share


class Phases:
    """Decoding and each strategy's choosing are counted apart from the rest.

    Args:
        few: gets the rows that wait for others; first: gets one row of every other call; own: gets how many of these
            there are.
    """

    def __init__(self, meter: Meter, few: list[Row], first: list[Row], own: list[float]) -> None:
        def decode(model: Any, branches: Any, limit: int, *more: Any) -> Any:
            """Steps are alike: one and two of them are counted, the others extrapolated; the rows of small calls wait
            after their first token."""

            def row(place: int) -> Row:
                return decoding._row(branches.caches, place, [0], None, None)

            rows = len(branches.final)
            waits = rows <= FEW
            once = meter.counted(lambda: deciding(model, branches, 1 if waits else min(limit, 2), []))
            with meter.during("decode"):
                meter.add(once)
                if waits and limit > 1:
                    meter.add(meter.counted(lambda: few.extend(map(row, range(rows)))))
                elif not waits:
                    own.append(meter.times)
                    meter.counted(lambda: first.append(row(0)))
                    if limit > 2:
                        twice = meter.counted(lambda: deciding(model, branches, 3, []))
                        meter.add((twice + once * -1) * (limit - 2))
            return [[0]] * rows

        def choice(
            questioner: Any, trace: Any, asked: Any, used: Any, setting: Any, notes: Any = None, layers: Any = ()
        ) -> Any:
            """Choosing costs the same at every layer that has as many tokens, but for the first, which may choose for
            the others: two are counted.

            What was chosen is taken for known from here on; a question's choices are read back together, in one wait.
            """
            count = len(trace.visual[setting.layer])
            trace.hidden(max([setting.layer, *layers]))  # what is counted here is choosing, not running layers
            costs = chosen[setting.strategy, setting.keep, count, setting.repeat]
            if len(costs) < 2:
                every = trace, asked, used, setting, notes, layers
                found: list[Any] = []
                tally = meter.counted(lambda: found.append(selecting(questioner, *every)))
                costs.append((_read(found[0]), tally))
            with meter.during(f"choose {setting.strategy}"):
                meter.add(costs[-1][1])
            return costs[-1][0]

        chosen: dict[Any, list[tuple[Any, Tally]]] = defaultdict(list)
        deciding, selecting = questioning.decode, Questioner.choice
        self.replacements = [Replaced(questioning, "decode", decode), Replaced(Questioner, "choice", choice)]

    def __enter__(self) -> None:
        for replacement in self.replacements:
            replacement.__enter__()

    def __exit__(self, *_: object) -> None:
        for replacement in self.replacements:
            replacement.__exit__()


def _read(choice: Choice) -> Choice:
    """With its indices on the CPU; what depends on weights keeps the first tokens."""
    kept = choice.selection.kept
    values = known(kept)
    values = torch.arange(len(kept)) if values is None else values
    return choice._replace(selection=choice.selection._replace(kept=values))
