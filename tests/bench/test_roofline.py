"""What the meter counts is what was done, and the plan's figures are those that the bench would write today."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import roofline
import stages
from meter import KINDS, Kernels, Meter
from rates import rates

from infohorizon.study.cards import CARDS
from infohorizon.study.catalogue import MODELS
from infohorizon.study.plan import COSTS, COUNTED, cost_seconds
from infohorizon.study.rates import FILE

H100 = list(CARDS).index("H100")


def counted(call):
    meter = Meter()
    with Kernels(meter), meter:
        result = call()
        meter.settle()
    return meter.tallies[""], result


def test_a_product_is_counted_with_its_bytes_and_time():
    a = torch.empty(4096, 4096, dtype=torch.float16, device="meta")
    tally, _ = counted(lambda: a @ a)
    assert (tally.flops, tally.bytes, tally.kernels) == (2 * 4096**3, 3 * 2 * 4096**2, 1)
    assert tally.seconds[H100, KINDS.index("products")] == pytest.approx(2 * 4096**3 / (0.5 * 989e12))
    assert tally.seconds[H100].sum() == tally.seconds[H100, 0]  # it takes longer than its launch


def test_small_work_takes_as_long_as_its_launches():
    x = torch.empty(8, device="meta")
    tally, _ = counted(lambda: [x + 1 for _ in range(10)])
    assert tally.kernels == 10 and tally.bytes == 10 * 2 * 32
    assert tally.seconds[H100].sum() == pytest.approx(10 * 7e-6)


def test_views_cost_nothing_and_what_is_seen_again_costs_the_same():
    x = torch.empty(8, 4, device="meta")
    assert counted(lambda: x.T[:2].expand(3, 2, 8))[0].kernels == 0
    meter = Meter()
    with meter:
        x.exp()
        once = meter.tallies[""].bytes
        assert x.exp().shape == (8, 4)
    assert meter.tallies[""].bytes == 2 * once == 2 * 2 * 128


def test_attention_is_one_kernel_that_leaves_out_what_is_masked():
    q = torch.empty(2, 4, 16, 8, dtype=torch.float16, device="meta")
    tally, out = counted(lambda: scaled_dot_product_attention(q, q, q, is_causal=True))
    assert (tally.flops, tally.kernels, out.shape) == (4 * 2 * 4 * 8 * 16 * 17 / 2, 1, q.shape)


def test_indices_have_values_and_reading_them_waits():
    kept = torch.tensor([0, 1, 4])

    def program():
        there = kept.to("meta")
        return int((there == torch.arange(3, device="meta")).long().cumprod(dim=0).sum()), there.max().cpu()

    tally, (leading, largest) = counted(program)
    assert (leading, largest.item(), tally.waits) == (2, 4, 3)


def test_what_depends_on_weights_is_fixed():
    x = torch.empty(6, device="meta")
    _, (finite, order, half) = counted(lambda: (bool(x.isfinite().all()), x.argsort().cpu(), (x > 0).nonzero().shape))
    assert finite and order.tolist() == [0, 1, 2, 3, 4, 5] and half == (3, 1)


def ask(layers):
    """LLaVA-1.5-7B, or as many of its layers, on POPE in all stages."""
    config, models, meter = roofline.study("studies/paper.yaml"), {}, Meter()
    config["sweep"] |= {"layers": [1, layers - 1], "strategies": ["random", "fastv", "drop-all"], "repeats": 10}
    config["information"] |= {"layers": [layers // 2], "windows": 8}
    config["removals"] |= {"layers": [layers // 2, layers - 1]}
    config["schedule_run"] |= {"names": ["dart-drop-64"]}
    load = roofline.loads(config, ["pope"])[0]
    return roofline.Counted(load, config, models, meter)


@pytest.fixture(scope="module")
def shallow():
    known = MODELS["llava-hf/llava-1.5-7b-hf"]["text_config"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(known, "num_hidden_layers", 4)
        return ask(4)


@pytest.mark.parametrize("rule", ["answer_questions", "measure_information", "measure_removals", "sweep_strategies"])
def test_the_plans_flops_are_the_engines(shallow, rule):
    """But for attention's masked half, the rotary embedding, and first tokens' logits, which decoding makes anew: with
    four layers a large part of a step."""
    cost = COSTS[rule](shallow.load, shallow.config)
    passes, decoded = (shallow.costs[rule].get(phase) for phase in ("", "decode"))
    assert passes.flops * shallow.times[rule] == pytest.approx(cost.flops, rel=0.03)
    if decoded:
        assert decoded.flops * shallow.times[rule] == pytest.approx(cost.decoded, rel=0.15)
        assert shallow.steps[rule] * shallow.times[rule] == pytest.approx(cost.steps, rel=0.02)


def test_figures_have_the_committed_form_and_kernels_of_a_step_have_not_drifted(shallow):
    """Where they have: python bench/roofline.py --rates workflow/infohorizon/study/rates.json"""
    committed = json.loads(FILE.read_text())
    found = rates([shallow])
    assert found.keys() == committed.keys() and found["rules"].keys() == committed["rules"].keys()
    assert found["decode"]["kernels"] == pytest.approx(committed["decode"]["kernels"], rel=0.1)
    assert list(stages.STAGES) == COUNTED
    assert "one row of each large call rambles" in roofline.page([shallow], ["H100", "A100"])


@pytest.mark.slow
def test_the_plans_seconds_are_those_of_the_counted_calls():
    """At full size, with figures that are a mean over benchmarks and two models."""
    whole = ask(32)
    for rule in ("answer_questions", "measure_states", "measure_removals"):
        planned = cost_seconds(rule, COSTS[rule](whole.load, whole.config), whole.load, "H100")
        assert planned == pytest.approx(whole.whole(rule).total("H100") * whole.times[rule], rel=0.25), rule
