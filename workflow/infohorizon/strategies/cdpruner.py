"""CDPruner: tokens that are relevant to the instruction and unlike each other."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from infohorizon.strategies.base import Selection, Strategy, View

TINY = 1e-6  # under roots and fractions, as in OpenVINO GenAI; the original and OpenVINO contrib differ within 1e-5

RELEVANCE = ("mean-embedding", "each-embedding")
KERNEL = ("blend", "exponential")
SIMILARITY = ("embeddings", "features")


class CDPruner(Strategy):
    """Picks tokens that are relevant to the instruction and unlike each other, by a determinantal point process.

    Each pick is the token that adds most to the determinant of L, the kernel of the picked tokens; L_ij weighs the
    cosine S_ij of two tokens by their relevances r. The original takes the relevance from CLIP's text tower, which
    is not part of a vision-language model's checkpoint; here it is the cosine of visual and text tokens at the input of
    the language model, scaled to 0 … 1, as in OpenVINO's ports of CDPruner. The default is that of OpenVINO GenAI;
    `{relevance: each-embedding, kernel: exponential, similarity: features, split: false}` is OpenVINO contrib's, and
    `{relevance: each-embedding, weight: 1, split: false}` the original's rule but for CLIP. All text of the prompt
    counts; OpenVINO leaves out the two marks around a Qwen image. Acts alike at any layer (paper: before the decoder).

    Args:
        relevance: `mean-embedding`: cosine with the mean text embedding. `each-embedding`: minus the mean of the
            cosines with every one (the sign is the authors', who found it in CLIP's space).
        weight: w in 0 … 1, how much relevance counts.
        kernel: `blend`: L_ij = (1 − w)·S_ij + w·r_i·S_ij·r_j; `exponential`: L_ij = q_i·S_ij·q_j with
            q = exp(w/(2(1 − w))·r). With w = 1 both are r_i·S_ij·r_j.
        similarity: of what S is the cosine: the input `embeddings`, or the vision `features` before the projector.
        split: choose from the first half of the tokens and from the second on their own.
    """

    name = "cdpruner"
    paper = "Zhang et al., Beyond Attention or Similarity … (CDPruner), NeurIPS 2025, arXiv 2506.10967"
    needs = "input embeddings of image and text; vision features (option)"
    once = True
    published = "before the decoder"
    licence = "Apache-2.0"
    golden = True
    differs = "relevance from the language model's input embeddings in place of CLIP's, as in OpenVINO's ports"

    def __init__(
        self,
        relevance: str = "mean-embedding",
        weight: float = 0.5,
        kernel: str = "blend",
        similarity: str = "embeddings",
        split: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not 0 <= weight <= 1:
            raise ValueError(f"weight is {weight}; it must be a number between 0 and 1")
        choices = {"relevance": RELEVANCE, "kernel": KERNEL, "similarity": SIMILARITY}
        for option, value in {"relevance": relevance, "kernel": kernel, "similarity": similarity}.items():
            if value not in choices[option]:
                raise ValueError(f"{option} is {value!r}; it must be {' or '.join(choices[option])}")
        self.relevance, self.weight, self.kernel, self.similarity = relevance, weight, kernel, similarity
        self.split = split

    def select(self, view: View, keep: int) -> Selection:
        keep = min(keep, view.count)
        embeddings = view.embeddings("visual")[view.present]
        relevance = self.relevance_of(embeddings, view.prompt_embeddings())
        directions = normalize(view.features() if self.similarity == "features" else embeddings, dim=1)
        if not self.split or view.count == 1:
            return Selection(self.order(directions, relevance, keep).sort().values)
        half = view.count // 2
        first = self.order(directions[:half], relevance[:half], keep // 2)
        second = half + self.order(directions[half:], relevance[half:], keep - keep // 2)
        return Selection(torch.cat([first, second]).sort().values)

    def relevance_of(self, visual: Tensor, text: Tensor) -> Tensor:
        """Cosine of visual tokens (N, d) with the text (M, d), or minus its mean; not scaled yet, (N,)."""
        visual = normalize(visual, dim=1)
        if self.relevance == "mean-embedding":
            return visual @ normalize(text.mean(dim=0), dim=0)
        return -(visual @ normalize(text, dim=1).T).mean(dim=1)

    def order(self, directions: Tensor, relevance: Tensor, keep: int) -> Tensor:
        """The picks in the order in which they are made.

        Args:
            directions: (N, d) tokens of length 1, whose products are the similarities.
            relevance: (N,), on any scale.
        """
        relevance = relevance - relevance.min()
        relevance = relevance / (relevance.max() + TINY)
        if self.weight == 1:
            return picks(relevance[:, None] * directions, keep)
        if self.kernel == "exponential":
            return picks((self.weight / (2 * (1 - self.weight)) * relevance).exp()[:, None] * directions, keep)
        parts = (1 - self.weight) ** 0.5 * directions, self.weight**0.5 * relevance[:, None] * directions
        return picks(torch.cat(parts, dim=1), keep)


def picks(vectors: Tensor, keep: int) -> Tensor:
    """Greedy search for the rows whose Gram matrix has the largest determinant (Chen et al., 2018, arXiv 1709.05135).

    Args:
        vectors: (N, d); their products are the kernel, which is never held as a whole.
    Returns: (min(keep, N),) in the order of the picks; ties go to the earlier row.
    """
    keep, vectors = min(keep, len(vectors)), vectors.double()  # once the picks span all tokens, float32's noise grows
    gains = (vectors * vectors).sum(dim=1)  # squared length of what the picks do not span
    spanned = vectors.new_zeros(keep, len(vectors))
    order = [gains.new_empty(0, dtype=torch.long)]
    for i in range(keep):
        pick = gains.argmax(keepdim=True)  # (1,): a number without dimensions would be read back as an index
        order.append(pick)
        left = vectors @ vectors.index_select(0, pick)[0] - spanned[:i].index_select(1, pick)[:, 0] @ spanned[:i]
        spanned[i] = left / (gains.index_select(0, pick).clamp(min=0) + TINY).sqrt()
        gains = (gains - spanned[i] ** 2).index_fill_(0, pick, -torch.inf)
    return torch.cat(order)
