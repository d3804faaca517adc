"""The plan's seconds follow from its figures, and its figures from bench/roofline.py."""

import pytest
from tiny_study import LOAD, configuration

from infohorizon.strategies import REGISTRY
from infohorizon.study import rates
from infohorizon.study.cards import CARDS
from infohorizon.study.plan import COUNTED, cost_seconds
from infohorizon.study.workload import Cost


def test_every_rule_and_card_has_figures():
    known = rates.rates()
    assert list(known["rules"]) == COUNTED
    for rule in known["rules"].values():
        assert rule["flops"].keys() == rule["idle"].keys() == CARDS.keys() and min(rule["flops"].values()) > 1e12
    assert known["decode"]["flops"].keys() == CARDS.keys()
    assert {"fastv", "divprune", "dart"} <= known["choosing"].keys() <= REGISTRY.keys()


@pytest.mark.parametrize("rule", COUNTED)
def test_no_rule_is_faster_than_its_card(rule):
    for name, card in CARDS.items():
        assert rates.work_seconds(rule, name, 1e18, 0, 2) > 1e18 / card.half
        assert rates.work_seconds(rule, name, 1e18, 0, 4) > 1e18 / card.single


def test_a_small_model_is_as_slow_as_its_kernels_are_launched():
    known = rates.rates()["rules"]["measure_information"]
    expected = max(known["idle"]["H100"], known["kernels"] * 7e-6)
    assert rates.work_seconds("measure_information", "H100", 0, 100, 2) == pytest.approx(100 * expected)


def test_a_step_reads_the_weights_and_rows_come_on_top():
    bandwidth, flops = 3.35e12 * 0.8, rates.rates()["decode"]["flops"]["H100"]
    seconds = rates.decode_seconds("H100", LOAD.shape, bandwidth, steps=3, flops=2 * flops)
    assert seconds == pytest.approx(3 + 2)


def test_a_strategy_that_was_not_counted_chooses_like_fastv():
    assert rates.choosing_seconds("A100", "mine.py") == rates.choosing_seconds("A100", "fastv") > 0
    assert rates.choosing_seconds("A100", "random") == 0


def test_seconds_add_up():
    cost = Cost(flops=1e15, layers=32, decoded=1e12, steps=10, choosing=7)
    card = configuration()["plan"]["card"]
    parts = [Cost(1e15, 32), Cost(decoded=1e12), Cost(steps=10), Cost(choosing=7)]
    whole = cost_seconds("run_schedules", cost, LOAD, card)
    assert whole == pytest.approx(sum(cost_seconds("run_schedules", part, LOAD, card) for part in parts))
