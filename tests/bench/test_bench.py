"""The measurements compare like with like: baseline and engine give the same numbers, and their FLOPs are counted."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import common
import efficiency
import growth
import latency
import prefill_rate
import pruning_sweep
import token_information

from infohorizon.measure.information import Measurement
from infohorizon.measure.schedules import Stage
from infohorizon.measure.windows import windows
from infohorizon.study.cost import last_layer_flops, layer_flops


@pytest.mark.parametrize("context", ["text", "image"])
def test_baseline_and_engine_measure_the_same_information(context: str) -> None:
    model = common.RandomModel(width=64, depth=3, side=4, text=5)
    kept = token_information.kept_tokens(16, windows((4, 4), 2), context)
    slow = token_information.baseline(model, [1, 2], kept, batch=3).softmax(-1)[:, 0]
    fast = token_information.engine(model, [1, 2], Measurement(context=context))
    assert torch.allclose(slow, torch.tensor([row["probability"] for row in fast], dtype=slow.dtype), atol=1e-6)


def test_baseline_and_engine_of_a_sweep_answer_the_same() -> None:
    swept = pruning_sweep.Sweep(common.RandomModel(width=64, depth=4, side=4, text=6), [1, 3], [2, 8])
    assert swept.engine() == swept.baseline()
    assert len(set(swept.engine())) > 1


def test_the_flop_bound_of_information_by_hand() -> None:
    """One window of the first 4 of 16 tokens at layer 1 of 2: 35 + 16 + 5 tokens, of which 44 are left."""
    model = common.RandomModel(width=64, depth=2, side=4, text=5)
    shape, head = model.shape, 2 * 64 * 1000
    baseline = layer_flops(shape, 56) + layer_flops(shape, 44) + head
    prefill = layer_flops(shape, 56) + last_layer_flops(shape, 56) + head
    window = last_layer_flops(shape, 5, 39) + head  # the window follows the prefix directly: all of it is reused
    nothing = last_layer_flops(shape, 5, 35) + head
    bound = token_information.flop_bound(model, [1], [torch.arange(4)])
    assert bound == pytest.approx(baseline / (prefill + window + nothing))


def test_windows_that_stand_for_all_are_spread() -> None:
    assert token_information.spread(4, 24) == [0, 1, 2, 3]
    assert token_information.spread(100, 6) == [0, 1, 49, 50, 98, 99]


def test_every_script_runs_small(tmp_path: Path) -> None:
    point = growth.measure(2, questions=2, number=2, side=4)
    assert point.amount == 2 and point.seconds > 0 and point.flops > 0
    growth.draw({"questions": [growth.measure(1, number=1, side=4), point]}).savefig(tmp_path / "growth.png")
    case = token_information.Case("information", width=64, depth=2, side=4, text=5, number=6)
    assert token_information.compare(case, repeats=1).count("|") == common.table_head().splitlines()[0].count("|")
    trace = efficiency.prefill(common.RandomModel(width=64, depth=8, side=4, text=6), [Stage(2, "fastv", 0.5)])
    assert efficiency.present(trace) == [57] * 2 + [49] * 6
    model, inputs = latency.geometry_of_7b(layers=4, width=128, side=6)
    schedule = latency.stages_of(latency.SHARES["fastv-50, drop"], 4)
    assert [stage.layer for stage in schedule.stages] == [1, 3]
    whole, short = latency.compare(model, inputs, schedule, answer=3, repeats=1)
    assert whole.selection == 0 < short.selection < short.prefill
    assert prefill_rate.share(common.RandomModel(width=64, depth=2, side=4, text=6), repeats=1) > 0
