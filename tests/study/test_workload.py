"""What each rule has to do, against the same sums written out by hand."""

from dataclasses import replace

import pytest
from tiny_study import LOAD, SHAPE, configuration

from infohorizon.study import cost, workload
from infohorizon.study.rates import choosing_seconds
from infohorizon.study.rules import (
    INFORMATION_ROW,
    KEPT,
    REMOVAL_VALUES,
    STATES_ROW,
    answer_downsampled,
    answer_questions,
    encode_images,
    measure_information,
    measure_removals,
    measure_states,
    run_schedules,
    sweep_strategies,
    try_downsampled,
    try_schedules,
)
from infohorizon.study.workload import Cost

PREFILL = cost.prefill_flops(SHAPE, 49)
LABELLED = cost.prefill_flops(SHAPE, 50, read=2)  # a label has two tokens, an answer three: one of them is forced
TOKEN = 3 * cost.layer_flops(SHAPE, 1, 49) + 80  # one generated token: three layers and the head


def resumed(layers, new, cached, read=1):
    return sum(cost.resume_flops(SHAPE, layer, new, cached, read) for layer in layers)


def test_images_and_answers():
    assert encode_images(LOAD, configuration()) == Cost(4 * 1800, 4 * 3, disk=4 * 288)
    found = answer_questions(LOAD, configuration())
    blind = cost.prefill_flops(SHAPE, 40) + cost.prefill_flops(SHAPE, 41, read=2)
    assert (found.flops, found.layers) == (10 * (PREFILL + LABELLED + blind), 10 * 3)
    assert (found.decoded, found.steps) == (10 * 4 * TOKEN, 10 * 2 / 16)


def test_answers_continue_together_as_far_as_there_is_room(monkeypatch):
    """Those of 16 questions, or what waiting rows may hold: here the least, 256 tokens."""
    monkeypatch.setattr(workload, "kv_bytes", lambda shape, tokens, element: 1e9)
    steps = answer_questions(LOAD, configuration()).steps
    assert steps == pytest.approx(10 * 2 * (1 / 5 + 1 / 6))  # 5 times 49 tokens, and 6 times 40
    removals = {"names": ["zero", "mean"], "layers": [1, 2], "limit": 5}
    assert measure_removals(LOAD, configuration(removals=removals)).steps == 5 * 2 * (1 / 2 + 1 / 2)  # 98 tokens each
    removals |= {"layers": [1, 2] * 3}
    monkeypatch.setattr(workload, "CHUNK", 1)
    monkeypatch.setattr("infohorizon.study.rules.layers_of", lambda layers, depth: layers)
    assert measure_removals(LOAD, configuration(removals=removals)).steps == 5 * 2 * 2  # 294 tokens: no call waits


def test_the_whole_label_costs_no_further_prefill_where_it_is_one_token():
    load = replace(LOAD, size=LOAD.size._replace(answer=2))
    found = answer_questions(load, configuration())
    assert found.flops == 10 * (PREFILL + 2 * cost.prefill_flops(SHAPE, 40))


def test_smaller_images_are_encoded_anew_and_asked_about_in_full():
    """Of 9 tokens a square model has 9 at every keep, and one whose images have any size 2 and 4."""
    config = configuration(answers={"limit": 5, "downsample": [0.25, 4]})
    fixed = answer_downsampled(LOAD, config)
    assert (fixed.flops, fixed.layers, fixed.disk) == (5 * 2 * (1800 + PREFILL), 5 * 2 * 3, 5 * 2 * 40)
    assert (fixed.decoded, fixed.steps) == (5 * 2 * 2 * TOKEN, 5 * 2 / 16)
    free = answer_downsampled(replace(LOAD, shape=replace(SHAPE, square=None)), config)
    prefills = cost.prefill_flops(SHAPE, 42) + cost.prefill_flops(SHAPE, 44)
    assert free.flops == 5 * (200 * (2 + 4) + prefills)
    assert answer_downsampled(LOAD, configuration(answers={"downsample": []})) == Cost()


def test_what_recommend_tries():
    """10 answered questions are five on a split, or `limit`; 3 tries, 2 configured and random; one schedule a role."""
    chosen = {"budgets": [0.5], "tries": 3, "schedules": ["a", "b"], "limit": 64}
    config = configuration(recommend=chosen, sweep={"repeats": 2, "store_kept": False})
    run = cost.resume_flops(SHAPE, 0, 5 + 5, 35)  # half of 9 tokens is 5
    for split, runs in (("search", 6), ("held-out", 4)):
        found = try_schedules(LOAD, config, split)
        assert found.flops == 5 * (PREFILL + 2 * runs * run) and found.disk == 5 * 2 * runs * 40
        assert found.decoded == 5 * 2 * runs * 2 * TOKEN
        assert try_downsampled(LOAD, config, split).flops == 5 * (1800 + PREFILL)
    config["recommend"] |= {"schedules": [], "limit": 3}
    assert try_schedules(LOAD, config, "held-out").flops == 3 * (PREFILL + 2 * 3 * run)


def test_information():
    config = configuration(information={"layers": [1, 2], "limit": 5})
    windows = 3 * resumed((1, 2), 4 + 6, 35, read=2)
    nothing = resumed((1, 2), 6, 35, read=2)
    expected = Cost(5 * (LABELLED + windows + nothing), 5 * 3, disk=5 * 2 * 3 * INFORMATION_ROW)
    assert measure_information(LOAD, config) == expected
    config["information"]["windows"] = 1
    assert measure_information(LOAD, config).disk == 5 * 2 * 1 * INFORMATION_ROW


def test_information_by_what_is_removed_and_how():
    def flops(**changes):
        config = configuration(information={"layers": [1], "limit": None, **changes})
        return measure_information(LOAD, config).flops / 10

    nothing = resumed([1], 6, 35, read=2)
    for changes, kept in (({"context": "image"}, 5), ({"removal": "zero"}, 9), ({"removal": "mean"}, 9)):
        assert flops(**changes) == LABELLED + 3 * resumed([1], kept + 6, 35, read=2) + nothing


def test_removals():
    def found(*names):
        return measure_removals(LOAD, configuration(removals={"names": names, "layers": [1, 2], "limit": 5}))

    def expected(new, cached):
        rows = resumed((1, 2), new, cached, read=2)
        disk = 5 * 2 * (40 + REMOVAL_VALUES)
        return Cost(5 * (LABELLED + rows), 5 * 3, 5 * 4 * TOKEN, 5 * 2 / 16, disk=disk)

    assert found("delete") == expected(6, 35)
    assert found("zero") == found("mean") == expected(9 + 6, 35)
    assert found("text") == expected(2, 35 + 9)
    both = found("delete", "text")
    assert both.disk == 2 * found("text").disk and both.steps == found("text").steps


def test_rows_of_a_large_call_take_steps_of_their_own():
    """17 layers are a call of `delete` that waits for nothing; 16 wait. Calls of 16 rows as configured wait as well."""
    deep = replace(LOAD, shape=replace(SHAPE, layers=18))

    def steps(rows, **changes):
        removals = {"names": ["delete"], "layers": list(range(1, 1 + rows)), "limit": 5}
        return measure_removals(deep, configuration(removals=removals, **changes)).steps / (5 * 2)

    assert (steps(17), steps(16)) == (1, 1 / 16)
    assert (steps(17, batch_size=16), steps(17, batch_size=17)) == (17 / 16, 1)


def test_states():
    config = configuration(states={"layers": [0, 2], "limit": 5})
    assert measure_states(LOAD, config) == Cost(5 * PREFILL, 5 * 3, disk=5 * 2 * STATES_ROW)


def test_a_sweep_runs_the_question_once_for_all_strategies():
    settings = {"layers": [1, 2], "limit": None, "keep": [4], "repeats": 2, "store_kept": False}
    both = configuration(sweep={**settings, "strategies": ["random", "drop-all"]})
    random, nothing = 2 * resumed((1, 2), 4 + 5, 35), resumed((1, 2), 5, 35)
    expected = Cost(10 * (PREFILL + random + nothing), 10 * 3, 10 * 12 * TOKEN, 10 * 2 / 16, disk=10 * 6 * 40)
    assert sweep_strategies(LOAD, both) == expected
    both["sweep"]["store_kept"] = True
    assert sweep_strategies(LOAD, both).disk == expected.disk + 10 * 4 * 4 * KEPT


def test_rows_of_one_size_share_decoder_calls_and_strategies_choose():
    settings = {"layers": [1, 2], "limit": None, "keep": [4], "repeats": 2}
    found = sweep_strategies(LOAD, configuration(sweep={**settings, "strategies": ["random", "fastv", "dart"]}))
    assert found.steps == 10 * 2 / 16  # six rows, and DART's two: they wait
    own = {"as-dart": {"strategy": "random", "match": "dart"}}
    many = {**settings, "repeats": 10}
    assert sweep_strategies(LOAD, configuration(sweep={**many, "strategies": ["random"]})).steps == 10 * 2
    found = sweep_strategies(LOAD, configuration(sweep={**many, "strategies": ["random", "as-dart"]}, strategies=own))
    assert found.steps == 10 * 2 * 2  # DART keeps another number of tokens
    matched = sweep_strategies(LOAD, configuration(sweep={**settings, "strategies": ["as-dart"]}, strategies=own))
    assert matched.choosing == pytest.approx(10 * 4 * choosing_seconds("H100", "dart"))
    rows = sweep_strategies(LOAD, configuration(batch_size=1, sweep={**settings, "strategies": ["random"]}))
    assert rows.steps == 10 * 4 * 2


def test_a_sweep_starts_where_a_strategy_can_act():
    settings = {"layers": "all", "limit": None, "keep": [4], "repeats": 1, "strategies": ["early", "late"]}
    own = {"early": "fastv", "late": {"strategy": "fastv", "read": 2}}
    found = sweep_strategies(LOAD, configuration(sweep=settings, strategies=own))
    assert found.flops == 10 * (PREFILL + resumed((1, 2, 2), 4 + 5, 35))
    assert found.decoded == 10 * 3 * 2 * TOKEN


def test_schedules():
    config = configuration(schedule_run={"names": "all", "limit": None})
    config["schedules"] = {"half": {"stages": [[1, "fastv", 4], [2, "drop-all", 0]]}}
    changed = cost.layer_flops(SHAPE, 35 + 4 + 5) + cost.last_layer_flops(SHAPE, 40) + 80
    found = run_schedules(LOAD, config)
    assert (found.flops, found.decoded, found.steps) == (10 * (PREFILL + changed), 10 * 2 * TOKEN, 10 * 2 / 16)
    lean = {**config, "sweep": {**config["sweep"], "store_kept": False}}
    assert found.disk - run_schedules(LOAD, lean).disk == 10 * 4 * KEPT
    config["schedules"] = {"half": {"stages": [[1, "random", 4], [2, "drop-all", 0]]}}
    assert run_schedules(LOAD, config).flops == 10 * (PREFILL + 3 * changed)


def test_a_limit_beyond_the_benchmark_is_all_of_it():
    assert [LOAD.questions(limit) for limit in (None, 3, 10, 99)] == [10, 3, 10, 10]
