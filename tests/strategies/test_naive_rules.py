"""Rules of single strategies against naive ones, on inputs that the golden cases do not have."""

from itertools import product

import pytest
import torch
from array_view import ArrayView, random_view
from torch.nn.functional import cosine_similarity

from infohorizon.strategies import create
from infohorizon.strategies.apet import residuals
from infohorizon.strategies.base import merged
from infohorizon.strategies.cdpruner import picks


@pytest.mark.parametrize("seed", range(3))
def test_picks_raise_the_determinant_most(seed):
    vectors = torch.randn(14, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    kernel, chosen = vectors @ vectors.T, []
    for _ in range(7):

        def determinant(index, chosen=chosen):
            members = torch.tensor([*chosen, index])
            return float(torch.linalg.det(kernel[members][:, members]))

        chosen.append(max(set(range(14)) - set(chosen), key=determinant))
    assert picks(vectors, 7).tolist() == chosen
    assert sorted(picks(vectors, 20).tolist()) == list(range(14))


def test_cdpruners_halves_have_their_own_scale():
    """The first half's relevances are far below the second's: unsplit, they would count for nothing."""
    view = random_view(40)
    kept = create("cdpruner").select(view, 11).kept
    assert (int((kept < 20).sum()), int((kept >= 20).sum())) == (5, 6)
    view.tensors["embeddings"]["visual"][:20] *= 7  # lengths do not count
    assert create("cdpruner").select(view, 11).kept.tolist() == kept.tolist()
    first = ArrayView(
        20,
        1,
        embeddings={"visual": view.embeddings("visual")[:20]},
        prompt_embeddings=view.prompt_embeddings(),
    )
    whole = {"whole": {"strategy": "cdpruner", "split": False}}
    assert create("whole", whole).select(first, 5).kept.tolist() == kept[:5].tolist()


def test_cdpruner_keeps_what_the_instruction_names():
    """Ten orthogonal tokens: with weight 1 the kernel is diagonal, and the most relevant stay."""
    text = torch.arange(10.0)[None]
    view = ArrayView(10, 1, embeddings={"visual": torch.eye(10)}, prompt_embeddings=text)
    plain = {"strategy": "cdpruner", "weight": 1, "split": False}
    settings = {"mean": plain, "each": plain | {"relevance": "each-embedding"}}
    assert create("mean", settings).select(view, 3).kept.tolist() == [7, 8, 9]
    assert create("each", settings).select(view, 3).kept.tolist() == [0, 1, 2]


def test_scope_prefers_what_is_not_covered():
    """Three tokens alike, one alone: the second pick is the lone one, though it is less salient."""
    features = torch.tensor([[1.0, 0], [1, 0.01], [1, 0.02], [0, 1]])
    view = ArrayView(4, 1, saliency=torch.tensor([0.3, 0.3, 0.29, 0.11]), features=features)
    assert create("scope").order(view, 4).tolist()[:2] == [1, 3]


def test_hiprunes_neighbours_in_a_later_stage():
    """Anchor 5 of a grid of 4 × 4 has the neighbours 4, 6, 1 and 9; 4 and 9 have left before."""
    present = torch.tensor([0, 1, 5, 6, 7, 10, 12, 15])
    middle = (present == 5).float()
    late = torch.tensor([0.0, 0, 0, 0, 0, 3, 2, 1])
    view = ArrayView(8, 1, grid=(4, 4), middle_received=middle, received=late)
    view.present = present
    settings = {"wide": {"strategy": "hiprune", "alpha": 1.0}}
    assert create("wide", settings).select(view, 5).kept.tolist() == [1, 2, 3, 5, 6]  # places of 1, 5, 6; 10, 12
    assert view.tensors["received"] is late and late.tolist() == [0, 0, 0, 0, 0, 3, 2, 1]


@pytest.mark.parametrize("grid", [(3, 11), (9, 16), (4, 4), (13, 6)])
@pytest.mark.parametrize("local", ["ranked", "equal"])
def test_vscan_spreads_over_windows(grid, local):
    rows, columns = grid
    view = random_view(rows * columns, grid=grid, seed=rows)
    early = view.saliency(early=True).tolist()
    for number in (1, 5, 16, 21, rows * columns // 2):
        places = product(range(rows), range(columns))
        if local == "ranked":
            high, wide = max(1, rows // 4), max(1, columns // 4)
            window = {(r, c): (min(r // 4, high - 1), min(c // 4, wide - 1)) for r, c in places}
            each, most = -(-number // (high * wide)), number
        else:
            window = {(r, c): (r * 4 // rows, c * 4 // columns) for r, c in places}
            each, most = number // 16, number // 16 * 16
        taken, held = [], {}
        for index in sorted(range(rows * columns), key=lambda i: (-early[i], i)):
            place = window[divmod(index, columns)]
            if held.get(place, 0) < each and len(taken) < most:
                held[place] = held.get(place, 0) + 1
                taken.append(index)
        strategy = create("mine", {"mine": {"strategy": "vscan", "local": local}})
        assert strategy.spread(view, number).tolist() == taken


def test_merging():
    generator = torch.Generator().manual_seed(1)
    states, alike = torch.randn(12, 5, generator=generator), torch.randn(12, 7, generator=generator)
    targets, merging = torch.tensor([2, 5, 9]), torch.tensor([0, 1, 3, 4, 6, 11])
    groups = {2: [2], 5: [5], 9: [9]}
    for other in merging.tolist():
        groups[max(groups, key=lambda t: float(cosine_similarity(alike[other], alike[t], dim=0)))].append(other)
    expected = states.clone()
    for target, members in groups.items():
        expected[target] = states[members].mean(dim=0)
    before = states.clone()
    torch.testing.assert_close(merged(states, alike, targets, merging), expected)
    assert torch.equal(states, before)
    assert torch.equal(merged(states, alike, torch.arange(12), torch.arange(0)), states)


def test_apets_errors_are_those_of_least_squares():
    tokens = torch.randn(30, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    fitted = torch.linalg.lstsq(tokens[:4].T, tokens.T).solution.T @ tokens[:4]
    torch.testing.assert_close(residuals(tokens, tokens[:4]), (tokens - fitted).norm(dim=1), atol=1e-4, rtol=1e-4)


def test_apet_draws_by_the_view_alone():
    """Two questions draw other first tokens, and the same question the same."""
    views = [random_view(60, seed=seed) for seed in (0, 0, 1)]
    for view in views:
        view.tensors = views[0].tensors
    first, again, other = (create("apet").select(view, 20) for view in views)
    assert torch.equal(first.kept, again.kept) and torch.equal(first.states, again.states)
    assert not (torch.equal(first.kept, other.kept) and torch.equal(first.states, other.states))


def test_apet_looks_at_features_before_the_decoder_and_at_states_in_it():
    def kept(layer, changed):
        view = random_view(60)
        view.layer = layer
        view.tensors[changed] = {"features": torch.randn(60, 24), "hidden": {"visual": torch.randn(60, 16)}}[changed]
        return create("apet").select(view, 20).kept.tolist()

    plain = random_view(60)
    inside = create("apet").select(plain, 20).kept.tolist()
    plain.layer = 0
    before = create("apet").select(plain, 20).kept.tolist()
    assert kept(0, "hidden") == before != kept(0, "features")
    assert kept(2, "features") == inside != kept(2, "hidden")
