"""Variants of random: as many tokens as another strategy keeps, stratified, and with another strategy's coverage."""

import polars as pl
import pytest
import torch
from array_view import random_view

from infohorizon.errors import UserError
from infohorizon.measure.questioner import choose
from infohorizon.measure.sweep import settings_of
from infohorizon.strategies import check, create, entry, modules_of
from infohorizon.strategies.random import dealt, shares

SETTINGS = {
    "as-dart": {"strategy": "random", "match": "dart"},
    "stratified": {"strategy": "random", "block": 4},
    "covered": {"strategy": "random", "match": "dart", "block": 2},
}


def view(seed=0, side=8):
    return random_view(side * side, seed=seed, grid=(side, side))


def by_block(kept, block, side=8):
    rows, columns = kept // side // block, kept % side // block
    blocks = (side + block - 1) // block
    return torch.bincount(rows * blocks + columns, minlength=blocks**2).tolist()


@pytest.mark.parametrize("keep", [3, 8, 20, 33])
def test_as_many_tokens_as_the_matched_strategy_keeps(keep):
    expected = len(create("dart").select(view(), keep).kept)
    kept = create("as-dart", SETTINGS).select(view(), keep).kept
    assert len(kept) == expected
    plain = create("random").select(view(), keep).kept
    assert set(kept.tolist()) <= set(plain.tolist()), "the draw is that of random, cut"


@pytest.mark.parametrize("keep", [4, 6, 20, 64])
def test_a_stratified_sample_gives_each_block_its_share(keep):
    counts = by_block(create("stratified", SETTINGS).select(view(), keep).kept, 4)
    assert sum(counts) == keep and max(counts) - min(counts) <= (keep % 4 > 0)


def test_what_is_left_over_goes_to_every_block_as_often():
    found = sum(shares(torch.full((4,), 16), 5, torch.Generator().manual_seed(seed)) for seed in range(400))
    assert found.sum() == 5 * 400 and (found - 500).abs().max() < 60
    assert shares(torch.tensor([4, 2, 2]), 4, torch.Generator()).tolist() == [2, 1, 1]


def test_coverage_is_that_of_the_matched_strategy_elsewhere():
    places = set()
    for seed in range(5):
        shown = view()
        shown.seed = seed
        own = by_block(create("dart").select(shown, 20).kept, 2)
        counts = by_block(create("covered", SETTINGS).select(shown, 20).kept, 2)
        assert sorted(counts) == sorted(own)
        places.add(tuple(counts))
    assert len(places) > 1


def test_counts_are_dealt_among_blocks_of_equal_size():
    sizes, counts = torch.tensor([4, 2, 4, 2]), torch.tensor([3, 2, 1, 0])
    for seed in range(20):
        found = dealt(sizes, counts, torch.Generator().manual_seed(seed)).tolist()
        assert sorted([found[0], found[2]]) == [1, 3] and sorted([found[1], found[3]]) == [0, 2]


def test_what_a_variant_is_made_of():
    assert entry("as-dart", SETTINGS).first_layer == 1 and entry("stratified", SETTINGS).first_layer == 0
    assert modules_of("covered", SETTINGS) == ["strategies.random", "strategies.dart"]


@pytest.mark.parametrize("block", [0, 1])
def test_a_match_that_sizes_itself_does_so_above_all_tokens_too(block, tmp_path):
    file = tmp_path / "sets.parquet"
    pl.DataFrame({"question_id": ["q"], "kept": [[0, 3]]}).write_parquet(file)
    mine = {"strategy": "kept", "file": str(file)}
    settings = {"mine": mine, "as-mine": {"strategy": "random", "match": "mine", "block": block}, **SETTINGS}
    shown = view(side=2)
    shown.question_id, shown.amount, shown.repeat = "q", 8, 0
    assert [len(choose(create(name, settings), shown, 4).selection.kept) for name in ("mine", "as-mine")] == [2, 2]
    assert len(choose(create("as-dart", settings), shown, 4).selection.kept) == 4


def test_fewer_repeats_where_they_cost_too_much():
    settings = {"few": {"strategy": "random", "match": "dart", "repeats": 2}}
    assert entry("few", settings).repeats == 2 and entry("random").repeats is None
    cells = settings_of(create("few", settings), [1, 2], [4], 3)
    assert [(cell.layer, cell.repeat) for cell in cells] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert len(settings_of(create("random"), [1, 2], [4], 3)) == 6


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"match": "drat"}, "There is no strategy 'drat': did you mean 'dart'"),
        ({"match": "drop-all"}, "strategies: mine.match: 'drop-all' does not choose tokens itself"),
        ({"match": "as-dart"}, "strategies: mine.match: 'as-dart' does not choose tokens itself"),
        ({"block": -1}, "strategies: mine: block is -1"),
        ({"repeats": 0}, "strategies: mine: repeats is 0"),
        ({"block": 2.5}, "strategies: mine: block is 2.5"),
        ({"blocks": 2}, "strategies: mine: .*unexpected keyword argument 'blocks'"),
    ],
)
def test_bad_variants(setting, sentence):
    settings = {**SETTINGS, "mine": {"strategy": "random", **setting}}
    for refuses in (check, create):
        with pytest.raises(UserError, match=sentence):
            refuses("mine", settings)
