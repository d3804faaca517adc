"""Replies that are read later, of several questions and stages, are the answers that each call gives at once."""

import pytest
import torch

from infohorizon import strategies
from infohorizon.engine import Batch, Unfinished
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.measure.schedules import Plan, Stage, run_schedules
from infohorizon.measure.sweep import run_sweep, settings_of

CELLS = [Cell(name, layer) for name in ("delete", "mean", "text") for layer in (1, 3)]
PLANS = {
    "one": Plan([Stage(1, "fastv", 0.5)], "contiguous"),
    "random-after": Plan([Stage(1, "fastv", 0.5), Stage(3, "random", 0.2)], "contiguous"),
}


def rows_of(case, questioner):
    """Rows of every stage, of two questions."""
    used = {name: strategies.create(name) for name in ("random", "fastv", "sparsevlm")}
    settings = [setting for one in used.values() for setting in settings_of(one, [2, 3], [3, 0.4], 2)]
    for number, more in enumerate(("", " Is it so?")):
        asked = Asked(f"q{number}", case.question + more, "yes", case.encoded)
        trace = questioner.trace(asked)
        yield questioner.answer(trace, asked)
        yield questioner.blind(trace, asked)
        yield from run_removals(questioner, asked, CELLS)
        yield from run_sweep(questioner, trace, asked, used, settings)
        yield from run_schedules(questioner, asked, PLANS, used, [("one", 0), ("random-after", 0), ("random-after", 1)])


@pytest.mark.parametrize("settled", [None, lambda question_id, answer: question_id == "q1" and len(answer) > 3])
def test_answers_are_those_given_at_once(case64, settled, monkeypatch):
    def questioner(together):
        budget = Batch("auto", 1, torch.device("cpu"))
        return Questioner(case64.model, budget, 6, settled=settled, together=together)

    expected, asking, finished = list(rows_of(case64, questioner(False))), questioner(True), []
    finish = Unfinished.finish
    monkeypatch.setattr(Unfinished, "finish", lambda self: (finished.append(len(self.rows)), finish(self)))
    rows = list(rows_of(case64, asking))
    assert not any(isinstance(row["answer"], str) for row in rows)
    assert asking.read(rows) == expected
    assert finished[-1] > 2 * len(PLANS)  # rows of both questions


def test_a_repeat_that_is_added_later_is_that_of_a_whole_run(case):
    """Of a stage that is no random control there is one draw, whichever repeats are asked for."""
    used = {name: strategies.create(name) for name in ("random", "apet")}
    plans = {"mixed": Plan([Stage(0, "apet", 0.5), Stage(2, "random", 0.3)], "contiguous")}
    questioner = Questioner(case.model, Batch("auto", 1, torch.device("cpu")), 4)
    asked = Asked("q", case.question, "yes", case.encoded)
    whole = run_schedules(questioner, asked, plans, used, [("mixed", repeat) for repeat in range(4)])
    for repeat in (1, 2, 3):
        (alone,) = run_schedules(questioner, asked, plans, used, [("mixed", repeat)])
        assert alone["kept"] == whole[repeat]["kept"]
