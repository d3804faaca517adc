"""Matrix entropy of the visual states, layer by layer: forward only, without a label.

EntropyPrune (Wang et al., arXiv 2602.17196) reports that the matrix entropy of the visual tokens collapses at one
layer, and prunes there. Its code has no rule for finding that layer (analysis/collapse.py has one); beside the entropy
stands the score that it prunes by (strategies/entropyprune.py).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from infohorizon.engine import Trace
from infohorizon.strategies.entropyprune import query_entropy


@torch.inference_mode()
def state_rows(trace: Trace, layers: Sequence[int]) -> list[dict[str, Any]]:
    """What the states table holds of one question, layers ascending.

    Returns: rows with layer, entropy and query_entropy (None at layer 0: its queries are those of the layer before).
    """
    visual = slice(trace.prompt.start, trace.prompt.start + trace.prompt.count)
    entropies = [_entropy(trace.hidden(layer)[visual]) for layer in layers]
    of_queries = [query_entropy(trace.visual_queries(layer - 1)).mean() for layer in layers if layer]
    values = iter(torch.stack([*entropies, *of_queries]).tolist() if layers else [])  # read back at once
    rows = [{"layer": layer, "entropy": next(values)} for layer in layers]
    return [{**row, "query_entropy": next(values) if row["layer"] else None} for row in rows]


def matrix_entropy(states: Tensor) -> float:
    """Normalised entropy of the spectrum of the tokens' covariance, between 0 and 1.

    −Σ λ ln λ / ln min(N, d) over the eigenvalues λ of the covariance of N tokens, centred on their mean and scaled to
    trace 1 (matrix-based entropy: Giraldo et al., arXiv 1211.2459). 1: the tokens spread over all directions alike; 0:
    they lie on a line, or are all the same. In float64, from the smaller of the two matrices with these eigenvalues.

    Args:
        states: (N, d).
    """
    return float(_entropy(states))


def _entropy(states: Tensor) -> Tensor:
    """The same as a tensor of no dimensions, where the states are."""
    x = states.double()
    x = x - x.mean(dim=0)
    spectrum = torch.linalg.eigvalsh(x @ x.T if len(x) <= x.shape[1] else x.T @ x).clamp_min(0)
    total, most = spectrum.sum(), min(x.shape)
    if most == 1:
        return torch.zeros_like(total)
    entropy = torch.special.entr(spectrum / total).sum() / math.log(most)
    return torch.where(total == 0, 0, entropy)
