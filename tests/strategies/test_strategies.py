"""What every strategy promises, whatever the tokens look like."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from array_view import SELECTORS, VARIANTS, ArrayView, grid_of, random_view
from hypothesis import given
from hypothesis import strategies as st

from infohorizon.strategies import create, divprune
from infohorizon.strategies.base import top
from infohorizon.strategies.dart import visiting_order
from infohorizon.strategies.holov import quotas

SETTINGS = VARIANTS | {"divprune-faithful": {"strategy": "divprune", "faithful": True}}
CHOOSING = [*SELECTORS, *VARIANTS]
GRIDS = [(1, 1), (7, 9), (5, 13), (24, 24)]


def promised(name: str, count: int, keep: int, text_count: int) -> int:
    """How many tokens stay when `keep` of `count` are asked for."""
    match name:
        case "drop-all":
            return 0
        case "sparsevlm":
            return min(keep, max(count - 1, 1))
        case "dart" if keep < count:
            visual = min(4, keep)
            pivots = visual + min(4, text_count)
            return visual + (keep - visual) // pivots * pivots
        case "stride" | "pool":
            rows, columns = grid_of(count)
            shapes = [(r, c) for r in range(1, rows + 1) for c in range(1, columns + 1) if r * c <= keep]
            even = [(r, c) for r, c in shapes if 0.5 <= (rows / r) / (columns / c) <= 2]
            return max(r * c for r, c in even or shapes)
        case _:
            return min(keep, count)


def select(name: str, view: ArrayView, keep: int):
    """Select and check what holds always: indices in range, sorted, unique; states finite, one per kept token."""
    kept, states = create(name, SETTINGS).select(view, keep)
    indices = kept.tolist()
    assert kept.dtype == torch.long
    assert indices == sorted(set(indices)), "sorted and unique"
    assert all(0 <= index < view.count for index in indices)
    if states is not None:
        assert states.shape == (len(indices), view.hidden().shape[1])
        assert states.isfinite().all()
    return indices


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{grid[0]}x{grid[1]}")
@pytest.mark.parametrize("name", CHOOSING)
def test_promised_count(name, grid):
    count = grid[0] * grid[1]
    view = random_view(count, grid=grid)
    for keep in sorted({1, 2, 3, 4, 11, 12, 20, count // 3, count // 2, count - 1, count, count + 10} - {0}):
        assert len(select(name, view, keep)) == promised(name, count, keep, view.text_count), f"keep {keep}"


@pytest.mark.parametrize("tokens", ["constant", "duplicate", "zero"])
@pytest.mark.parametrize("name", CHOOSING)
def test_degenerate_tokens(name, tokens):
    for count, layer in ((10, 2), (63, 2), (63, 0)):
        view = random_view(count, tokens=tokens)
        view.layer = layer
        for keep in (1, 12, 31):
            assert len(select(name, view, keep)) == promised(name, count, keep, view.text_count)


@pytest.mark.parametrize("text_count", [1, 2, 3])
@pytest.mark.parametrize("name", CHOOSING)
def test_short_text(name, text_count):
    view = random_view(63, text_count=text_count)
    for keep in (1, 7, 30):
        assert len(select(name, view, keep)) == promised(name, 63, keep, text_count)


@pytest.mark.parametrize("name", [*SELECTORS, *SETTINGS])
def test_does_not_change_the_view(name):
    view = random_view(65)
    before = {key: str(value) for key, value in view.tensors.items()}
    assert select(name, view, 20) == select(name, view, 20)
    assert before == {key: str(value) for key, value in view.tensors.items()}


@pytest.mark.parametrize("name", CHOOSING)
def test_float64(name):
    view = random_view(63)
    view.tensors = {
        key: {part: tensor.double() for part, tensor in value.items()} if isinstance(value, dict) else value.double()
        for key, value in view.tensors.items()
    }
    assert len(select(name, view, 20)) == promised(name, 63, 20, view.text_count)


DIGEST = """
from array_view import SELECTORS, random_view
from infohorizon.strategies import create
view = random_view(391, text_count=17)
print({name: create(name).select(view, 100).kept.tolist() for name in SELECTORS})
"""


def test_same_in_every_process():
    """Neither the process nor its string hash seed shows in the result."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1")
    ]
    first, second = [process.communicate()[0] for process in processes]
    assert first == second != ""
    view = random_view(391, text_count=17)
    here = {name: create(name).select(view, 100).kept.tolist() for name in SELECTORS}
    assert first.strip() == str(here)


def test_random_depends_on_the_generator_alone():
    draws = {seed: select("random", random_view(576, seed=seed), 64) for seed in range(4)}
    assert len({tuple(draw) for draw in draws.values()}) == 4
    other_tokens = ArrayView(576, 3, seed=2)
    assert select("random", other_tokens, 64) == draws[2]
    state = torch.get_rng_state()
    select("random", other_tokens, 64)
    assert torch.equal(state, torch.get_rng_state())


def test_random_is_uniform():
    counts = torch.zeros(20)
    for seed in range(2000):
        counts[select("random", ArrayView(20, 1, seed=seed), 5)] += 1
    assert (counts - 500).abs().max() < 100  # over five standard deviations


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan"), float("-inf")]), min_size=1), st.integers(1, 20))
def test_top(scores, keep):
    def rank(index):
        return (scores[index] != scores[index], -scores[index] if scores[index] == scores[index] else 0, index)

    assert top(torch.tensor(scores), keep).tolist() == sorted(sorted(range(len(scores)), key=rank)[:keep])


def test_faithful_divprune_picks_tokens_twice():
    """On clustered tokens the original keeps fewer than asked for; the default does not."""
    torch.manual_seed(0)
    centres = torch.randn(8, 64).repeat_interleave(30, dim=0)
    view = ArrayView(240, 4, hidden={"visual": centres + 1e-4 * torch.randn(240, 64)})
    assert len(select("divprune", view, 100)) == 100
    assert 8 <= len(select("divprune-faithful", view, 100)) < 100


@pytest.mark.parametrize("held", [divprune.DISTANCES, 2 * 40**2, 1])
@pytest.mark.parametrize("name", ["divprune", "divprune-faithful", "dart"])
def test_all_layers_at_once_are_each_alone(name, held, monkeypatch):
    """Where the layers are known, the first choice is made for all of them: what each would choose alone."""
    monkeypatch.setattr(divprune, "DISTANCES", held)
    torch.manual_seed(0)
    hidden = torch.randn(4, 46, 48)

    def views(**others):
        def shown(layer, part):
            return {"visual": hidden[layer, :40, part], "text": hidden[layer, 40:, part]}

        def keys(layer):
            return {section: t.unflatten(1, (2, 8)).transpose(0, 1) for section, t in shown(layer, slice(16)).items()}

        everything, part = slice(None), slice(16, 48)
        return [
            ArrayView(40, 6, layer=i, hidden=shown(i, everything), normed_hidden=shown(i, part), keys=keys(i), **others)
            for i in range(4)
        ]

    there, notes, layers = {}, {}, range(create(name, SETTINGS).first_layer, 4)
    together = views(at=there)
    there |= dict(enumerate(together))
    for view in together:
        view.notes, view.layers = notes, range(4)
    for keep in (28, 13, 5):
        alone = [select(name, view, keep) for view in views()[layers.start :]]
        first = select(name, together[2], keep)
        assert first == alone[2 - layers.start]
        for view in together if keep == 5 else []:
            view.tensors.clear()  # nothing is looked at again
        assert [select(name, view, keep) for view in together[layers.start :]] == alone


def test_dart_visits_pivots_in_set_order():
    """The order in the set's hash table (here of 8 slots, so 40 comes first), not by number or norm."""
    assert visiting_order([3, 1, 12], start=28) == [12, 1, 3]


def test_visionzip_merges_into_the_most_similar_target():
    """Two salient tokens stay; of the other four, 1 and 4 are targets, 3 is like 1, and 5 like 4."""
    states = torch.eye(6)
    view = ArrayView(
        6,
        1,
        saliency=torch.tensor([9.0, 0, 8, 0, 0, 0]),
        vision_keys=torch.tensor([[1.0, 1], [1, 0], [1, 1], [2, 0.1], [0, 1], [0.1, 2]]),
        hidden={"visual": states},
    )
    half = {"zip": {"strategy": "visionzip", "contextual": 0.5}}
    kept, merged = create("zip", half).select(view, 4)
    assert kept.tolist() == [0, 1, 2, 4]
    assert torch.equal(merged, torch.stack([states[0], states[1] + states[3], states[2], states[4] + states[5]]))
    assert torch.equal(view.hidden(), torch.eye(6))


@pytest.mark.parametrize(
    ("weights", "sizes", "keep", "expected"),
    [
        ([1.0, 1, 2], [10, 10, 10], 8, [2, 2, 4]),
        ([1.0, 1, 1], [10, 10, 10], 8, [3, 3, 2]),
        ([0.0, 0, 9], [10, 10, 10], 12, [1, 1, 10]),  # the original would keep 10 and pad with two zeros
        ([0.0, 0, 0], [2, 2, 2], 5, [2, 2, 1]),
    ],
)
def test_holov_quotas(weights, sizes, keep, expected):
    assert quotas(torch.tensor(weights), torch.tensor(sizes), keep).tolist() == expected
