"""The bench compares like with like: both roads give the same numbers."""

import sys
from pathlib import Path

import pytest
import torch

from infohorizon.measure.information import windows

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import efficiency
import growth
import run


@pytest.mark.parametrize("context", ["text", "image"])
def test_both_roads_of_token_information_measure_the_same(context: str) -> None:
    engine = run.decoder(64, 3)
    question = run.prompt(engine, 4, 5)
    sets, every = windows((4, 4), 2), torch.arange(16)
    kept = sets if context == "text" else [every[~torch.isin(every, part)] for part in sets]
    slow = run.one_by_one(engine, question, [1, 2], kept, batch=3).softmax(-1)[:, 0]
    fast = run.measure(engine, question, [1, 2], context=context)
    assert torch.allclose(slow, torch.tensor([row["probability"] for row in fast], dtype=slow.dtype), atol=1e-6)


def test_both_roads_of_a_sweep_answer_the_same() -> None:
    engine = run.decoder(64, 4)
    sweep = run.Sweep(engine, run.prompt(engine, 4, 6), [1, 3], [2, 8])
    assert sweep.together() == sweep.one_at_a_time()
    assert len(set(sweep.together())) > 1


def test_the_other_scripts_run_small() -> None:
    amount, seconds, work = growth.point(run.decoder(growth.WIDTH, 8), sets=2, side=4)
    assert amount == 2 and seconds > 0 and work > 0
    engine = run.decoder(64, efficiency.LAYERS)
    trace = efficiency.prefill(engine, run.prompt(engine, 4, 6), [(2, "fastv", 0.5)])
    assert len(trace.visual[3]) == 8
