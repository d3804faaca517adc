"""Option `read`: what is looked at lies in another layer than the one where tokens leave."""

import pytest
import torch

from infohorizon import strategies
from infohorizon.engine import Batch
from infohorizon.measure.questioner import Asked, Questioner, Setting

READING = [name for name, facts in strategies.REGISTRY.items() if facts.reads != "nothing"]
KEEP = 7


def asking(case):
    questioner = Questioner(case.model, Batch("auto", 1, torch.device("cpu")), max_new_tokens=4)
    return questioner, Asked("q1", case.question, "yes", case.encoded)


def kept(case, setting, layer, trace=None):
    """The tokens that stay under a strategy with options."""
    questioner, asked = asking(case)
    trace = questioner.trace(asked) if trace is None else trace
    used = {"x": strategies.create("x", {"x": setting})}
    return questioner.select(trace, asked, used, Setting("x", layer, KEEP, 0)).kept.tolist()


def highest(scores):
    return scores.topk(KEEP).indices.sort().values.tolist()


@pytest.mark.parametrize("name", READING)
def test_reading_where_it_was_published_changes_nothing(case, name):
    for layer in (1, 3, 5):
        published = layer - strategies.REGISTRY[name].first_layer
        assert kept(case, {"strategy": name, "read": published}, layer) == kept(case, name, layer)
    half = {"strategy": name, "read": 0.5}  # of six layers
    assert kept(case, half, 5) == kept(case, {"strategy": name, "read": 3}, 5)


@pytest.mark.parametrize("name", READING)
def test_reading_elsewhere_is_what_another_layer_keeps(case, name):
    """All strategies rank what they read; where they would have acted on it, the same tokens stay."""
    first = strategies.REGISTRY[name].first_layer
    elsewhere = [kept(case, {"strategy": name, "read": read}, 5) for read in (0, 1, 2, 4)]
    assert elsewhere == [kept(case, name, read + first) for read in (0, 1, 2, 4)]
    assert len({tuple(tokens) for tokens in elsewhere}) > 1


def test_reading_elsewhere_equals_transformers_own_pass(case):
    visual = case.naive.visual
    out = case.naive.model(**case.naive.inputs, output_attentions=True, output_hidden_states=True, use_cache=False)
    for read, layer in ((0, 3), (2, 5), (4, 4), (5, 5)):
        row = out.attentions[read][0, :, -1, visual].mean(dim=0)
        for name in ("fastv", "pyramiddrop"):
            assert kept(case, {"strategy": name, "read": read}, layer) == highest(row)
    for read, layer in ((0, 3), (3, 4)):
        added = (out.hidden_states[read + 1] - out.hidden_states[read])[0, visual].norm(dim=1)
        assert kept(case, {"strategy": "v2drop", "read": read}, layer) == highest(added)


def test_a_later_stage_reads_of_the_tokens_that_are_left(case):
    """A layer below the first stage saw all tokens; those that are left are ranked by what it computed."""
    questioner, asked = asking(case)
    left = torch.arange(1, len(case.naive.visual), 2)
    trace = questioner.trace(asked).prune(3, left)
    out = case.naive.model(**case.naive.inputs, output_attentions=True, use_cache=False)
    row = out.attentions[1][0, :, -1, case.naive.visual].mean(dim=0)[left]
    assert kept(case, {"strategy": "fastv", "read": 1}, 4, trace) == highest(row)


def test_a_random_sample_has_as_many_tokens_as_a_strategy_that_reads_elsewhere(case):
    settings = {"wide": {"strategy": "feather", "stride": 2, "read": 1}, "x": {"strategy": "random", "match": "wide"}}
    assert strategies.first_layer("x", settings, 6) == strategies.first_layer("wide", settings, 6) == 1
    questioner, asked = asking(case)
    used = {name: strategies.create(name, settings) for name in settings}
    trace = questioner.trace(asked)
    sizes = {name: len(questioner.select(trace, asked, used, Setting(name, 4, KEEP, 0)).kept) for name in used}
    assert sizes["x"] == sizes["wide"] > KEEP


@pytest.mark.parametrize(
    ("name", "read", "first"), [("fastv", 3, 3), ("dart", 3, 4), ("v2drop", 0.5, 9), ("divprune", 0.5, 8)]
)
def test_no_strategy_acts_below_what_it_reads(name, read, first):
    assert strategies.first_layer("x", {"x": {"strategy": name, "read": read}}, 16) == first
    assert strategies.first_layer(name, {}, 16) == strategies.REGISTRY[name].first_layer


def test_what_merges_reads_the_layer_where_tokens_leave():
    """Its states continue from there, so those of another layer would not fit."""
    assert not [name for name in READING if strategies.REGISTRY[name].merges]
