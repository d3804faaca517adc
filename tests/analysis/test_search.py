"""The search for schedules against a naive enumeration of all of them; schedules that are scaled to a budget."""

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infohorizon.analysis.loss_curves import curves, question_losses
from infohorizon.analysis.search import GRID, Prices, one_stage, predicted, scaled, search

DEPTH, COUNT = 8, 20
LAYERS, KEEPS = [1, 3, 6], [0.1, 0.4, 12]
TOKENS = Prices(np.arange(COUNT + 1.0), DEPTH)
FLOPS = Prices(np.array([3 * (7 + n) + (7 + n) ** 2 for n in range(COUNT + 1)], float), DEPTH, fixed=50.0)


def measured(seed, strategies=("dart", "random"), dropped=True):
    """Loss of every cell: smaller for more tokens, deeper layers and one of the strategies, with some noise."""
    generator, cells = np.random.default_rng(seed), {}
    for name, layer, keep in itertools.product(strategies, LAYERS, KEEPS):
        kept = keep if keep > 1 else keep * COUNT
        cells[name, layer, keep] = (1 - kept / COUNT) * (1 - layer / DEPTH) * generator.uniform(0.2, 1)
    if dropped:
        cells |= {("drop-all", layer, 0): (1 - layer / DEPTH) * generator.uniform(0.8, 1) for layer in LAYERS}
    return cells


def frame(cells):
    rows = [(*cell, loss) for cell, loss in cells.items()]
    schema = {"strategy": pl.String, "layer": pl.Int32, "keep": pl.Float64, "loss": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row").sample(fraction=1, shuffle=True, seed=0)


def naive_loss(cells, name, layer, tokens):
    """The loss between the measured keeps of a measured layer; None where nothing is known."""
    if name == "drop-all":
        return cells.get((name, layer, 0)) if tokens == 0 else None
    if tokens == 0:
        return None
    points = [(k if k > 1 else k * COUNT, v) for (n, l, k), v in cells.items() if (n, l) == (name, layer)]
    points = [*sorted(points), (COUNT, 0.0)]
    if tokens < points[0][0]:
        if ("drop-all", layer, 0) not in cells:
            return None
        none, (first, loss) = cells["drop-all", layer, 0], points[0]
        return none * (1 - tokens / first) + loss * tokens / first
    for (k, v), (next_k, next_v) in itertools.pairwise(points):
        if k <= tokens <= next_k:
            part = math.log(tokens / k) / math.log(next_k / k)
            return v * (1 - part) + next_v * part
    raise AssertionError


def present(stages):
    """Visual tokens in each layer."""
    found, left = [], dict((layer, tokens) for layer, _, tokens in stages)
    for layer in range(DEPTH):
        found.append(left.get(layer, found[-1] if found else COUNT))
    return found


def naive_share(prices, stages):
    total = prices.fixed + sum(prices.layer[tokens] for tokens in present(stages))
    return total / (prices.fixed + DEPTH * prices.layer[COUNT])


def naive_search(cells, prices, budget, most):
    """(layers, strategies) → (loss, stages) of every schedule, all numbers of tokens tried one by one."""
    names, best = sorted({name for name, _, _ in cells}), {}
    grid = {round(share * COUNT) for share in GRID}
    for number in range(1, most + 1):
        for layers in itertools.combinations(LAYERS, number):
            for chosen in itertools.product(names, repeat=number):
                if "drop-all" in chosen[:-1]:
                    continue
                solved = number - 1 - (chosen[-1] == "drop-all")  # the stage whose keep is not from the grid
                for earlier in itertools.combinations(sorted(grid - {0, COUNT}, reverse=True), max(0, solved)):
                    for tokens in range(min([COUNT, *earlier]) - 1, 0, -1) if solved >= 0 else [None]:
                        kept = [*earlier, *([tokens] if solved >= 0 else []), *([0] if solved < number - 1 else [])]
                        stages = tuple(zip(layers, chosen, kept, strict=True))
                        if naive_share(prices, stages) > budget + 1e-9:
                            continue
                        last = tokens
                        more = [*earlier, last + 1 if last else 0]
                        if last and last + 1 == min([COUNT, *earlier]):
                            bigger = tuple(zip(layers, chosen, [*more, *kept[len(more) :]], strict=True))
                            if naive_share(prices, bigger) <= budget + 1e-9:
                                break  # the whole budget would need a stage that leaves nothing out
                        losses = [naive_loss(cells, *one) for one in [(n, l, k) for l, n, k in stages]]
                        if None not in losses and sum(losses) < best.get((layers, chosen), (math.inf,))[0] - 1e-12:
                            best[layers, chosen] = sum(losses), stages
                        break
    return best


@pytest.mark.parametrize("prices", [TOKENS, FLOPS], ids=["tokens", "flops"])
@pytest.mark.parametrize(("seed", "dropped"), [(0, True), (1, True), (2, False)])
def test_the_search_gives_what_trying_everything_gives(seed, dropped, prices):
    cells, budget = measured(seed, dropped=dropped), 0.6
    found = search(curves(frame(cells), COUNT), prices, budget, most=3, tries=10**6)
    expected = naive_search(cells, prices, budget, most=3)
    got = {(tuple(s[0] for s in f.stages), tuple(s[1] for s in f.stages)): f.predicted for f in found}
    assert len(got) == len(found) > 20
    assert got == pytest.approx({signature: loss for signature, (loss, _) in expected.items()})
    assert [one.predicted for one in found] == sorted(one.predicted for one in found)
    for one in found:
        assert one.predicted == pytest.approx(naive_loss_of(cells, one.stages))
        assert naive_share(prices, one.stages) <= budget + 1e-9


def naive_loss_of(cells, stages):
    return sum(naive_loss(cells, name, layer, tokens) for layer, name, tokens in stages)


def test_with_many_strategies_the_best_schedule_is_among_the_tries():
    cells = measured(5, ("a", "b", "c", "d"))
    best = min(naive_search(cells, TOKENS, 0.4, most=2).values())
    found = search(curves(frame(cells), COUNT), TOKENS, 0.4, most=2, tries=5)
    assert found[0].predicted == pytest.approx(best[0])
    assert len(found) == 5


def test_the_best_single_stage_is_always_tried():
    cells = {**measured(3), **{("dart", 6, keep): 0.0 for keep in KEEPS}, ("drop-all", 6, 0): 0.0}
    everything = search(curves(frame(cells), COUNT), TOKENS, 0.5, most=3, tries=100)
    single = next(one for one in everything if len(one.stages) == 1)
    found = search(curves(frame(cells), COUNT), TOKENS, 0.5, most=3, tries=3)
    assert found == [*everything[:2], single] and single not in everything[:3]


drawn_stage = st.tuples(st.integers(0, DEPTH - 1), st.floats(0.02, 1))
stages = st.lists(drawn_stage, min_size=1, max_size=3, unique_by=lambda stage: stage[0])


@given(stages, st.booleans(), st.floats(0.05, 0.95), st.sampled_from([TOKENS, FLOPS]))
@settings(deadline=None)
def test_a_scaled_schedule_meets_the_budget_and_one_more_step_does_not(drawn, drops, budget, prices):
    """Scaled by one factor: of all factors that meet the budget none keeps more."""
    layers, shares = sorted(layer for layer, _ in drawn), sorted((share for _, share in drawn), reverse=True)
    plan = [(layer, "x", share) for layer, share in zip(layers, shares, strict=True)]
    if drops and layers[-1] < DEPTH - 1:
        plan.append((layers[-1] + 1, "drop-all", 0))

    def at(factor):
        return tuple((l, n, min(COUNT - 1, max(1, int(factor * s * COUNT + 1e-9))) if s else 0) for l, n, s in plan)

    found = scaled(plan, prices, budget)
    fine = [at(k / 997) for k in range(1, 997 * 51, 7)]
    meeting = [one for one in fine if naive_share(prices, one) <= budget + 1e-9]
    if found is None:
        assert not meeting
    else:
        assert naive_share(prices, found) <= budget + 1e-9
        assert prices.share(found) == pytest.approx(naive_share(prices, found))
        assert prices.mean_tokens(found) == pytest.approx(sum(present(found)) / DEPTH / COUNT)
        assert all(sum(present(one)) <= sum(present(found)) for one in meeting)


def test_one_stage_takes_the_whole_budget():
    assert one_stage(0, "random", TOKENS, 0.25) == ((0, "random", 5),)
    assert one_stage(4, "random", TOKENS, 0.6) == ((4, "random", 4),)
    assert one_stage(4, "random", TOKENS, 0.5) is None


def test_a_loss_between_layers_and_beyond_them():
    cells = {("fastv", 2, 0.5): 0.4, ("fastv", 6, 0.5): 0.2}
    found = curves(frame(cells), COUNT)
    half = COUNT // 2
    assert predicted(((3, "fastv", half),), found) == pytest.approx(0.35)
    assert predicted(((0, "fastv", half), (7, "fastv", half)), found) == pytest.approx(0.6)
    assert math.isnan(predicted(((3, "fastv", half), (5, "dart", 2)), found))
    assert math.isnan(predicted(((3, "fastv", half - 1),), found))  # below what was swept, without drop-all


def test_losses_of_questions():
    answers = pl.DataFrame(
        {
            "question_id": ["a", "a", "b"],
            "condition": ["full", "blind", "full"],
            "answer": ["yes", "no", "no"],
            "score": [1.0, 0.0, 0.0],
        }
    )
    swept = pl.DataFrame(
        {
            "question_id": ["a", "a", "b", "b", "c"],
            "layer": [1] * 5,
            "repeat": [0, 1, 0, 1, 0],
            "answer": ["yes", "maybe", "yes", "yes", "yes"],
            "score": [1.0, 0.0, 1.0, 1.0, 1.0],
        }
    )
    assert question_losses(swept, answers, ["layer"], "score")["loss"].to_list() == [0.5, -1.0]
    assert question_losses(swept, answers, ["layer"], "agreement")["loss"].to_list() == [0.5, 1.0]
