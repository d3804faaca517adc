"""Matrix entropy against its definition, and the table's rows against transformers' own hidden states and queries."""

import math

import numpy as np
import pytest
import torch

from infohorizon.engine import prefill
from infohorizon.measure.states import matrix_entropy, state_rows
from infohorizon.strategies.entropyprune import query_entropy


def by_definition(x: np.ndarray) -> float:
    """From the covariance of all d components, whatever its rank."""
    spectrum = np.linalg.eigvals(np.cov(x.T, bias=True).reshape(x.shape[1], x.shape[1])).real
    shares = [value / spectrum.sum() for value in spectrum if value > 1e-12 * spectrum.sum()]
    return -sum(share * math.log(share) for share in shares) / math.log(min(x.shape))


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (7, 7), (40, 3)])
def test_matrix_entropy_is_its_definition(shape):
    x = np.random.default_rng(sum(shape)).standard_normal(shape) * np.arange(1, shape[1] + 1)
    assert matrix_entropy(torch.tensor(x)) == pytest.approx(by_definition(x), abs=1e-9)


def test_matrix_entropy_of_plain_cases():
    axes = torch.eye(6, dtype=torch.float64)
    assert matrix_entropy(torch.cat([axes, -axes])) == pytest.approx(1)  # all six directions alike
    assert matrix_entropy(torch.arange(5.0)[:, None] * torch.ones(1, 3)) == pytest.approx(0, abs=1e-9)  # a line
    assert matrix_entropy(torch.ones(4, 3)) == matrix_entropy(torch.randn(1, 3)) == 0.0
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)).double()
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)).double()).Q
    assert matrix_entropy(3 * x @ rotation + 7) == pytest.approx(matrix_entropy(x), abs=1e-9)


def test_rows_hold_what_transformers_own_pass_gives(case64):
    """Hidden states as transformers outputs them, queries caught on their way into its attention."""
    naive, depth, caught = case64.naive, case64.model.depth, []
    attention = naive.language.layers[0].self_attn
    module = __import__(type(attention).__module__, fromlist=["x"])
    name = (
        "apply_multimodal_rotary_pos_emb"
        if hasattr(module, "apply_multimodal_rotary_pos_emb")
        else "apply_rotary_pos_emb"
    )
    original = getattr(module, name)

    def catching(query, *args, **kwargs):
        rotated = original(query, *args, **kwargs)
        caught.append(rotated[0][0, :, naive.visual])
        return rotated

    setattr(module, name, catching)
    try:
        out = naive.model(**naive.inputs, output_hidden_states=True, use_cache=False)
    finally:
        setattr(module, name, original)
    trace = prefill(case64.model.language_model, case64.model.prompt(case64.question, case64.encoded))
    rows = state_rows(trace, range(depth))
    assert [row["layer"] for row in rows] == list(range(depth))
    assert rows[0]["query_entropy"] is None
    for layer, row in enumerate(rows):
        states = out.hidden_states[layer][0, naive.visual]
        assert row["entropy"] == pytest.approx(by_definition(states.detach().numpy()), abs=1e-8)
        if layer:
            expected = query_entropy(caught[layer - 1].detach()).mean()
            assert row["query_entropy"] == pytest.approx(float(expected), abs=1e-8)
