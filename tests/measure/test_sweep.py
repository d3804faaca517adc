"""Sweeps and schedules against the naive reference; every strategy on both architectures; invariances."""

import random
from dataclasses import replace

import pytest
import torch

from infohorizon import strategies
from infohorizon.engine import Batch
from infohorizon.errors import UserError
from infohorizon.measure.questioner import Asked, Questioner, Setting
from infohorizon.measure.reference import Drop
from infohorizon.measure.schedules import Plan, Stage, repeats_of, run_schedule, run_schedules
from infohorizon.measure.sweep import run_sweep, settings_of
from infohorizon.strategies.base import Selection, Strategy
from infohorizon.strategies.divprune import DivPrune
from infohorizon.strategies.vispruner import VisPruner
from infohorizon.units import tokens_of

LAYERS, KEEPS = [1, 3, 5], [3, 0.4]
SELECTORS = [name for name in strategies.REGISTRY if name != "kept"]  # which reads a file


def asker(case, rows="auto", seed=0):
    return Questioner(case.model, Batch(rows, 1, torch.device("cpu")), max_new_tokens=4, seed=seed)


def oracle(case):
    count = len(case.encoded.features)
    return lambda layer, by: torch.rand(count, generator=torch.Generator().manual_seed(layer))


def ask(case):
    return Asked("q1", case.question, "yes", case.encoded, oracle(case))


def sweep(case, name, settings=None, rows="auto", seed=0, positions="original"):
    strategy = strategies.create(name)
    settings = settings_of(strategy, LAYERS, KEEPS, 2) if settings is None else settings
    questioner, asked = asker(case, rows, seed), ask(case)
    return run_sweep(questioner, questioner.trace(asked), asked, {name: strategy}, settings, positions)


def test_an_answer_that_is_the_label_in_another_spelling(case):
    label, spelled = ask(case).label, asker(case).spells_otherwise
    for answer, otherwise in ((label, False), (label.swapcase(), True), (f"{label} indeed", False), ("", False)):
        assert spelled(answer, label, case.question) == otherwise


def test_fractions_round_half_up_and_keep_at_least_one():
    assert [tokens_of(keep, 10) for keep in (0.25, 0.24, 0.01, 3, 30, 0)] == [3, 2, 1, 3, 10, 0]


@pytest.mark.parametrize("name", SELECTORS)
def test_answers_of_every_strategy_equal_naive(case, name):
    """The kept tokens are the strategy's choice; what the model answers with them is the naive forward's."""
    target = case.model.label_ids("yes")[0]
    for row in sweep(case, name)[::3]:
        assert row["kept"] == sorted(set(row["kept"]))
        assert row["tokens"] == len(row["kept"]) <= max(row["keep"], tokens_of(0.4, len(case.encoded.features)))
        if strategies.REGISTRY[name].merges:  # it merges: the naive reference knows dropping alone
            continue
        drops = [Drop(row["layer"], row["kept"])]
        assert abs(row["label_probability"] - float(case.naive.probabilities(drops)[target])) < 1e-4
        assert row["answer"] == case.model.answer_text(case.naive.greedy(4, drops, case.model.stop_ids))


@pytest.mark.parametrize("name", SELECTORS)
def test_a_setting_gives_the_same_alone_and_in_company(case, name):
    rows = sweep(case, name)
    settings = settings_of(strategies.create(name), LAYERS, KEEPS, 2)
    backwards = sweep(case, name, settings[::-1], rows=1)[::-1]
    for row, other in zip(rows, backwards, strict=True):
        assert row["kept"] == other["kept"]
        assert row["answer"] == other["answer"]
        assert abs(row["label_probability"] - other["label_probability"]) < 1e-5


def test_strategies_give_the_same_alone_and_in_one_bracket(case):
    """Every strategy of the registry in one call, shuffled, against one call each."""
    used = {name: strategies.create(name) for name in SELECTORS}
    plan = [setting for strategy in used.values() for setting in settings_of(strategy, LAYERS, KEEPS, 2)]
    shuffled = random.Random(0).sample(plan, len(plan))
    questioner, asked = asker(case), ask(case)
    together = run_sweep(questioner, questioner.trace(asked), asked, used, shuffled)
    alone = {name: iter(sweep(case, name)) for name in used}
    for setting, row in sorted(zip(shuffled, together, strict=True), key=lambda pair: plan.index(pair[0])):
        other = next(alone[setting.strategy])
        assert abs(row.pop("label_probability") - other.pop("label_probability")) < 1e-5
        assert row == other


def test_a_choice_that_serves_several_settings_is_made_once(case, monkeypatch):
    """DivPrune's orders of all layers serve all keeps; a choice by the image alone serves all layers."""
    made = []

    def counted(method):
        def wrapper(self, *arguments):
            made.append(self.name)
            return method(self, *arguments)

        return wrapper

    monkeypatch.setattr(DivPrune, "orders", counted(DivPrune.orders))
    monkeypatch.setattr(VisPruner, "select", counted(VisPruner.select))
    for name, times in (("divprune", 1), ("vispruner", len(KEEPS))):
        made.clear()
        rows = sweep(case, name)
        assert len(rows) == len(LAYERS) * len(KEEPS) and made == [name] * times


def test_random_depends_on_seed_layer_keep_and_repeat_and_on_nothing_else(case):
    kept = {(r["layer"], r["keep"], r["repeat"]): tuple(r["kept"]) for r in sweep(case, "random")}
    assert len(set(kept.values())) == len(kept)
    again = sweep(case, "random", [Setting("random", 3, 3, 1)])[0]
    assert tuple(again["kept"]) == kept[3, 3.0, 1]
    assert sweep(case, "random", [Setting("random", 3, 3, 1)], seed=1)[0]["kept"] != again["kept"]


def test_attention_strategies_see_the_models_own_attention(case):
    """FastV's choice, from transformers' eager attention of the layer before."""
    out = case.naive.model(**case.naive.inputs, output_attentions=True, use_cache=False)
    for row in sweep(case, "fastv"):
        attention = out.attentions[row["layer"] - 1][0, :, -1, case.naive.visual].mean(0)
        assert row["kept"] == attention.topk(row["tokens"]).indices.sort().values.tolist()


@pytest.mark.parametrize("positions", ["original", "contiguous"])
def test_a_schedule_equals_naive_dropping_at_each_stage(case, positions):
    count, depth = len(case.encoded.features), case.model.depth
    stages = [Stage(1, "fastv", 0.5), Stage(4, "random", 0.2)]
    available = {name: strategies.create(name) for name in ("fastv", "random")}
    questioner, asked = asker(case), ask(case)
    trace = questioner.trace(asked)
    assert repeats_of(stages, available, 3) == 3 and repeats_of(stages[:1], available, 3) == 1
    first = questioner.select(trace, asked, available, Setting("fastv", 1, 0.5, 1)).kept
    pruned = trace.prune(1, first, positions)
    second = questioner.select(pruned, asked, available, Setting("random", 4, 0.2, 1)).kept
    got = run_schedule(questioner, trace, asked, stages, available, positions, repeat=1)
    drops = [Drop(1, first.tolist(), positions), Drop(4, first[second].tolist(), positions)]
    assert got["answer"] == case.model.answer_text(case.naive.greedy(4, drops, case.model.stop_ids))
    assert got["kept"] == [first.tolist(), first[second].tolist()]
    half, fifth = tokens_of(0.5, count), tokens_of(0.2, count)
    assert got["mean_tokens"] == pytest.approx((count + 3 * half + (depth - 4) * fifth) / depth)


def test_schedules_share_the_stages_that_they_begin_with(case, monkeypatch):
    """Each distinct beginning is chosen once, and every row is that of its schedule alone."""
    plans = {
        "one": Plan([Stage(1, "fastv", 0.5)], "contiguous"),
        "random-after": Plan([Stage(1, "fastv", 0.5), Stage(4, "random", 0.2)], "contiguous"),
        "drop-after": Plan([Stage(1, "fastv", 0.5), Stage(4, "drop-all", 0)], "contiguous"),
        "original": Plan([Stage(1, "fastv", 0.5)], "original"),
        "random-first": Plan([Stage(1, "random", 0.5), Stage(4, "fastv", 0.2)], "contiguous"),
    }
    used = {name: strategies.create(name) for name in ("fastv", "random", "drop-all")}
    runs = [("random-after", 1), ("one", 0), ("random-after", 0), ("drop-after", 0), ("original", 0)]
    runs += [("random-first", 0), ("random-first", 1)]
    questioner, asked, chosen = asker(case), ask(case), []
    select = Questioner.select

    def counted(self, trace, asked, strategies, setting, notes=None):
        chosen.append(setting)
        return select(self, trace, asked, strategies, setting, notes)

    monkeypatch.setattr(Questioner, "select", counted)
    together = run_schedules(questioner, asked, plans, used, runs)
    # fastv with two kinds of positions, random twice behind it, drop-all; and two random beginnings with fastv behind
    assert len(chosen) == 2 + 2 + 1 + 2 + 2
    for (name, repeat), row in zip(runs, together, strict=True):
        plan = plans[name]
        trace = questioner.trace(asked)
        alone = run_schedule(questioner, trace, asked, plan.stages, used, plan.positions, repeat)
        assert row == {"schedule": name, **alone}


@pytest.mark.parametrize("kept", [[1, 0], [0, 0], [-1, 2], [0, 10**6], [0.0, 1.0], [True, False], [[0, 1]]])
def test_a_strategy_that_gives_no_sorted_unique_indices(case, kept):
    class Odd(Strategy):
        name = "odd"

        def select(self, view, keep):
            return Selection(torch.tensor(kept))

    questioner, asked = asker(case), ask(case)
    trace = questioner.trace(asked)
    with pytest.raises(UserError, match="strategy 'odd' at layer 2: select must return sorted, unique indices from 0"):
        run_sweep(questioner, trace, asked, {"odd": Odd()}, [Setting("odd", 2, 2, 0)])


def test_full_and_blind_answers_equal_naive(case):
    questioner = asker(case)
    trace = questioner.trace(ask(case))
    full = case.model.answer_text(case.naive.greedy(4, [], case.model.stop_ids))
    blind = case.model.answer_text(case.naive.greedy(4, [Drop(0, [])], case.model.stop_ids))
    assert questioner.answer(trace, ask(case))["answer"] == full
    assert questioner.blind(trace, ask(case))["answer"] == blind


def test_what_the_image_is_worth_equals_naive(case):
    """Probability of the whole label, one full forward per token; divergence of the blind distribution."""
    questioner, asked = asker(case), ask(case)
    ids = case.model.label_ids(asked.label, asked.question)
    assert len(ids) > 1
    worth = questioner.worth(questioner.trace(asked), asked)
    distributions = {}
    for condition, drops in (("full", []), ("blind", [Drop(0, [])])):
        each = [case.naive.probabilities(drops, ids[:i])[token] for i, token in enumerate(ids)]
        assert worth[condition]["answer_probability"] == pytest.approx(float(torch.stack(each).prod()), abs=1e-5)
        distributions[condition] = case.naive.probabilities(drops)
    full, blind = distributions["full"].log(), distributions["blind"].log()
    assert worth["full"]["divergence"] == 0
    assert worth["blind"]["divergence"] == pytest.approx(
        float((blind.exp() * (blind - full)).sum()), rel=1e-5, abs=1e-5
    )
    one = replace(asked, label=case.model.answer_text(ids[:1]))
    if len(case.model.label_ids(one.label, one.question)) == 1:
        found = questioner.worth(questioner.trace(one), one)["full"]["answer_probability"]
        assert found == pytest.approx(float(case.naive.probabilities()[ids[0]]), abs=1e-5)
