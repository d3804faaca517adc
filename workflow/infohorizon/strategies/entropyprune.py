"""EntropyPrune: tokens whose heads ask alike."""

import math

import torch
from torch import Tensor

from infohorizon.strategies.base import ScoreStrategy, View

HEAD_WIDTH = 128  # the authors average wider heads' neighbouring components down to this
LEAST = 1e-10  # their lower bound of an eigenvalue


class EntropyPrune(ScoreStrategy):
    """Keeps the tokens with the highest entropy, over heads, of their queries in the layer before (paper: layer 2).

    The value is no proper entropy (see `query_entropy`): chiefly, tokens whose heads differ little stay.
    """

    name = "entropyprune"
    paper = "Wang et al., EntropyPrune, 2026, arXiv 2602.17196"
    needs = "queries of the visual tokens in layer − 1"
    published = "layer 2; layer 1 of Qwen2.5-VL"
    licence = "Apache-2.0"
    golden = True
    first_layer = 1
    reads = "layer"

    def score(self, view: View, keep: int) -> Tensor:
        return view.noted(("entropyprune", view.layer), lambda: query_entropy(view.queries()))


def query_entropy(queries: Tensor) -> Tensor:
    """EntropyPrune's score of each token, (N,), float64: entropy over heads of the token's queries.

    With a token's H queries, centred on their mean over heads, as the rows of Q: −Σ λ ln λ / ln H over the eigenvalues
    λ of Q Qᵀ / H. As in the authors' code (YahongWang1/EntropyPrune at 9fc1cbb) the matrix is not scaled to trace 1, so
    that eigenvalues above 1 count negative: a large spread between heads gives a low score.

    Args:
        queries: (H, N, head width), after the rotary embedding.
    """
    x = queries.to(torch.promote_types(queries.dtype, torch.float32)).transpose(0, 1)  # (N, H, head width)
    heads, width = x.shape[1:]
    if width > HEAD_WIDTH and width % HEAD_WIDTH == 0:
        x = x.unflatten(2, (HEAD_WIDTH, -1)).mean(dim=3)
    x = (x - x.mean(dim=1, keepdim=True)).double()  # centred in the queries' precision, as theirs
    spectrum = torch.linalg.eigvalsh(x @ x.transpose(1, 2) / heads).clamp_min(LEAST)
    return torch.special.entr(spectrum).sum(dim=1) / math.log(max(heads, 2))
