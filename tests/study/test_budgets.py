"""Costs of schedules as shares of the unpruned run's, against sums by hand."""

import pytest
from tiny_study import SHAPE

from infohorizon.study.budgets import prices
from infohorizon.study.cost import present_tokens

# 9 visual tokens between a prefix of 35 and a text of 5, three layers, d 4, m 8, k 2, a vocabulary of 10
PLAN = ((1, "fastv", 4), (2, "drop-all", 0))
PRESENT = [9, 4, 0]


def flops(tokens):
    return 2 * (2 * tokens * 4 * 4 + 2 * tokens * 4 * 2) + 4 * tokens * (tokens + 1) / 2 * 4 + 6 * tokens * 4 * 8


def test_the_example_by_the_other_formula():
    assert present_tokens([[1, "fastv", 4], [2, "drop-all", 0]], 9, 3) == PRESENT


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("tokens", (9 + 4 + 0) / 27),
        ("kv", (49 + 44 + 40) / (3 * 49)),
        ("flops", (flops(49) + flops(44) + flops(40) + 80) / (3 * flops(49) + 80)),
    ],
)
def test_shares(unit, expected):
    own = prices(unit, SHAPE, 9, 5)
    assert own.share(PLAN) == pytest.approx(expected)
    assert own.share(()) == 1
    assert own.mean_tokens(PLAN) == pytest.approx(13 / 27)
