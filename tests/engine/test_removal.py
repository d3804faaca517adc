"""Every way to take visual tokens or text away against the naive reference, on every architecture."""

import pytest
import torch

from infohorizon.engine import decode, prefill, resume, unforced
from infohorizon.measure.reference import Drop

REMOVALS = ["delete", "zero", "mean", "knockout", "text"]


def kept_sets(count: int) -> list[list[int]]:
    """None, one, some with a leading run and without, all."""
    return [[], [count // 2], [0, 1, 5], [2, 3, 7], list(range(count))]


def run(case, forced=()):
    return prefill(case.model.language_model, case.model.prompt(case.question, case.encoded, forced))


def row(trace, layer, kept, removal, **options):
    return resume(trace, [layer], torch.tensor([kept], dtype=torch.long), removal=removal, **options)


def probabilities(case, branches):
    return case.model.language_model.logits(branches.final[:, -1]).softmax(-1)


@pytest.mark.parametrize("removal", REMOVALS)
def test_every_removal_equals_naive_at_every_layer(case64, removal):
    trace = run(case64)
    for layer in range(case64.model.depth):
        for kept in kept_sets(trace.prompt.count):
            ours = probabilities(case64, row(trace, layer, kept, removal))[0]
            expected = case64.naive.probabilities([Drop(layer, kept, removal=removal)])
            assert (ours - expected).abs().max() < 1e-9, (layer, kept)


@pytest.mark.parametrize("removal", REMOVALS)
def test_the_whole_label_and_the_answer_come_from_one_run_with_forced_tokens(case64, removal):
    label, kept = [20, 31, 44], [1, 4]
    trace, language_model = run(case64, label[:-1]), case64.model.language_model
    for layer in (0, 2, case64.model.depth - 1):
        branches = row(trace, layer, kept, removal)
        drops = [Drop(layer, kept, removal=removal)]
        ours = language_model.log_probabilities(branches.final, label)[0].exp()
        for i, token in enumerate(label):
            assert abs(ours[i] - case64.naive.probabilities(drops, label[:i])[token]) < 1e-9
        assert decode(language_model, unforced(branches, 2), 6, [])[0] == case64.naive.greedy(6, drops)


@pytest.mark.parametrize("removal", REMOVALS)
def test_rows_of_different_layers_share_a_batch(case64, removal):
    trace = run(case64)
    layers, kept = [0, 1, 1, 4], [[1, 2, 9], [0, 1, 2], [3, 5, 8], [0, 6, 7]]
    branches = resume(trace, layers, torch.tensor(kept), removal=removal)
    together, answers = probabilities(case64, branches), decode(case64.model.language_model, branches, 5, [])
    for i, (layer, chosen) in enumerate(zip(layers, kept, strict=True)):
        drops = [Drop(layer, chosen, removal=removal)]
        assert (together[i] - case64.naive.probabilities(drops)).abs().max() < 1e-9
        assert answers[i] == case64.naive.greedy(5, drops)


def test_knockout_of_all_visual_tokens_is_deleting_them(case64):
    """Proved on the naive side: an attention mask against a shortened sequence with original positions."""
    trace = run(case64)
    for layer in range(case64.model.depth):
        masked = case64.naive.probabilities([Drop(layer, [], removal="knockout")])
        assert (masked - case64.naive.probabilities([Drop(layer, [])])).abs().max() < 1e-9
        assert (probabilities(case64, row(trace, layer, [], "delete"))[0] - masked).abs().max() < 1e-9
    kept, layer = [2, 3, 7], 1  # with a window left they differ: its tokens still see the others
    one, other = (case64.naive.probabilities([Drop(layer, kept, removal=name)]) for name in ("knockout", "delete"))
    assert (one - other).abs().max() > 1e-6


def test_removals_are_different_measures(case64):
    trace = run(case64)
    found = [probabilities(case64, row(trace, 1, [], name))[0] for name in ("delete", "zero", "mean", "text")]
    for i, one in enumerate(found):
        assert all((one - other).abs().max() > 1e-6 for other in found[i + 1 :])


@pytest.mark.parametrize("positions", ["original", "contiguous"])
def test_text_may_be_renumbered_as_deleting_may(case64, positions):
    trace = run(case64)
    ours = probabilities(case64, row(trace, 2, [1, 2, 6], "text", positions=positions))[0]
    expected = case64.naive.probabilities([Drop(2, [1, 2, 6], positions, "text")])
    assert (ours - expected).abs().max() < 1e-9


@pytest.mark.parametrize("removal", ["zero", "mean", "knockout"])
def test_where_no_token_leaves_nothing_is_renumbered(case64, removal):
    with pytest.raises(ValueError, match="original positions"):
        row(run(case64), 1, [0], removal, positions="contiguous")
