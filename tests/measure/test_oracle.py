"""The oracle keeps the tokens of the most informative windows: by the first token or by the whole answer."""

import pytest
import torch

from infohorizon import strategies, tables
from infohorizon.engine import Batch
from infohorizon.errors import UserError
from infohorizon.measure.oracle import Oracle
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.sweep import run_sweep, settings_of
from infohorizon.measure.windows import windows

GRID, LAYERS = (3, 4), (1, 2)


@pytest.fixture
def table(tmp_path):
    """Of one question: the two measures rank the windows in opposite orders."""
    rows = []
    for layer in LAYERS:
        for window in range(len(windows(GRID, 2))):
            row = dict.fromkeys(tables.TABLES["information"].columns, 0.0)
            row |= {"question_id": "q1", "layer": layer, "window": window}
            rows.append(row | {"information": layer + window / 10, "answer_information": -window / 10})
    tables.write(tmp_path / "part-0.arrow", "information", rows[::-1], {})
    return str(tmp_path / "part-0.arrow")


def test_scores_are_those_of_each_tokens_window(table):
    scores = Oracle(table, 2).scores_of("q1", GRID)
    for number, tokens in enumerate(windows(GRID, 2)):
        for token in tokens.tolist():
            assert scores(2, "first token")[token] == pytest.approx(2 + number / 10)
            assert scores(2, "whole answer")[token] == pytest.approx(-number / 10)
    with pytest.raises(UserError, match="lacks layer 3 of question q1"):
        scores(3, "whole answer")
    assert Oracle(None, 2).scores_of("q1", GRID) is None


def test_the_option_chooses_what_is_kept(case):
    """In a sweep: both oracles and their two rankings, side by side."""
    count = len(case.encoded.features)
    ranked = {"first token": torch.arange(count).float(), "whole answer": -torch.arange(count).float()}
    own = {"whole": {"strategy": "information", "by": "whole answer"}}
    used = {name: strategies.create(name, own) for name in ("information", "whole")}
    questioner = Questioner(case.model, Batch("auto", 1, torch.device("cpu")), max_new_tokens=2)
    asked = Asked("q1", case.question, "yes", case.encoded, lambda layer, by: ranked[by])
    plan = [setting for one in used.values() for setting in settings_of(one, [1], [3], 1)]
    rows = run_sweep(questioner, questioner.trace(asked), asked, used, plan)
    kept = {row["strategy"]: row["kept"] for row in rows}
    assert kept == {"information": [count - 3, count - 2, count - 1], "whole": [0, 1, 2]}


def test_an_oracle_is_known_by_what_it_is():
    own = {"whole": {"strategy": "information", "by": "whole answer"}, "other": {"strategy": "divprune"}}
    own |= {"as-many": {"strategy": "random", "match": "whole"}}
    names = ("information", "whole", "other", "random", "as-many")
    assert [name for name in names if strategies.is_oracle(name, own)] == ["information", "whole"]
    assert [name for name in names if strategies.is_informed(name, own)] == ["information", "whole", "as-many"]
