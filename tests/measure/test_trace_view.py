"""What strategies see of a model, and every strategy at its first layer and where another one has acted before."""

from pathlib import Path

import pytest
import torch
import yaml

from cases import make_case
from checkpoints import WRITERS
from infohorizon import strategies
from infohorizon.engine import Batch
from infohorizon.measure.questioner import Asked, Questioner, Setting
from infohorizon.measure.schedules import Stage, run_schedule
from infohorizon.measure.trace_view import TraceView
from infohorizon.units import tokens_of

# Built-in strategies (`kept` reads a file), and those that config.yaml adds.
OPTIONS = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())["strategies"]
OPTIONS["oracle-answer"] = {"strategy": "information", "by": "whole answer"}
SELECTORS = [name for name in strategies.names(OPTIONS) if name != "kept"]
FEWER = {"drop-all", "dart", "random-as-dart", "stride", "pool"}  # none, 4 + 8k, or a grid that fits
MORE = {"feather-grid"}  # keeps a grid besides


@pytest.fixture(scope="module", params=list(WRITERS))
def case(request, tmp_path_factory):
    """Every architecture, not only those of the paper."""
    return make_case(request.param, tmp_path_factory.mktemp(request.param), "float32")


def asker(case, rows="auto"):
    return Questioner(case.model, Batch(rows, 1, torch.device("cpu")), max_new_tokens=3, seed=0)


def asked(case, question_id="q1"):
    count = len(case.encoded.features)
    values = torch.rand(count, generator=torch.Generator().manual_seed(7))
    return Asked(question_id, case.question, "yes", case.encoded, lambda layer, by: values)


def view_of(case, layer):
    questioner = asker(case)
    return TraceView(questioner.trace(asked(case)), layer, case.encoded, case.model.visual_embeddings)


def test_text_is_the_models_own_embeddings(case):
    """All of the prompt but the image, before and after it."""
    ids = torch.tensor(case.model.token_ids(case.question))
    text = ids[ids != case.model.image_token_id]
    expected = case.naive.model.get_input_embeddings()(text)
    view = view_of(case, 2)
    torch.testing.assert_close(view.prompt_embeddings(), expected)
    torch.testing.assert_close(view.embeddings("text"), expected[-view.text_count :])


def test_projected_features_enter_the_decoder(case):
    view = view_of(case, 0)
    torch.testing.assert_close(view.projected(view.features()), view.hidden())
    torch.testing.assert_close(view.projected(view.features()[3:5]), view.embeddings()[3:5])


def test_a_later_stage_sees_the_tokens_that_are_left(case):
    questioner = asker(case)
    kept = torch.tensor([0, 3, 4, 9, 11])
    trace = questioner.trace(asked(case)).prune(1, kept, "original")
    view = TraceView(trace, 3, case.encoded, case.model.visual_embeddings)
    encoded, columns = case.encoded, case.encoded.grid[1]
    assert view.present.tolist() == kept.tolist() and view.grid == encoded.grid
    assert view.places().tolist() == [list(divmod(index, columns)) for index in kept.tolist()]
    pairs = {
        "saliency": view.saliency(),
        "early_saliency": view.saliency(early=True),
        "received": view.received(),
        "middle_received": view.received(middle=True),
        "keys": view.vision_keys(),
        "features": view.features(),
    }
    for name, shown in pairs.items():
        torch.testing.assert_close(shown, getattr(encoded, name)[kept].float(), msg=name)


@pytest.mark.parametrize("name", SELECTORS)
def test_every_strategy_on_every_architecture(case, name):
    """At its first layer, and on what random has left: sorted, unique, as many as asked for, the same every time."""
    strategy, count = strategies.create(name, OPTIONS), len(case.encoded.features)
    layer = strategies.first_layer(name, OPTIONS, case.model.depth)
    available = {name: strategy, "random": strategies.create("random")}

    def fits(tokens, keep):
        beyond = len(tokens) - tokens_of(keep, count)
        return beyond == 0 or (beyond < 0 and name in FEWER) or (beyond > 0 and name in MORE)

    outcomes = []
    for rows in ("auto", 1):
        questioner = asker(case, rows)
        for keep in (1, 7, 0.6):
            trace = questioner.trace(asked(case))
            chosen = questioner.select(trace, asked(case), available, Setting(name, layer, keep, 0))
            kept = chosen.kept.tolist()
            assert kept == sorted(set(kept)) and set(kept) <= set(range(count)) and fits(kept, keep)
            if chosen.states is not None:
                assert chosen.states.shape == (len(kept), trace.hidden(0).shape[1]) and chosen.states.isfinite().all()
            stages = [Stage(1, "random", 0.7), Stage(4, name, keep)]
            later = run_schedule(questioner, trace, asked(case), stages, available)
            first, second = later["kept"]
            assert set(second) <= set(first) and second == sorted(set(second))
            assert fits(second, keep)
            outcomes.append((keep, kept, first, second, later["answer"]))
    half = len(outcomes) // 2
    assert outcomes[:half] == outcomes[half:]
