"""A view backed by plain tensors, so that strategies can be tested without a model."""

import torch
from torch import Tensor

from infohorizon.strategies import REGISTRY
from infohorizon.strategies.base import View

SELECTORS = [name for name in REGISTRY if name != "kept"]
"""The strategies that choose by themselves; `kept` reads a file (test_kept.py)."""

CONTRIB = {"relevance": "each-embedding", "kernel": "exponential", "similarity": "features", "split": False}
VARIANTS = {
    "cdpruner-contrib": {"strategy": "cdpruner", **CONTRIB},
    "scope-add": {"strategy": "scope", "combine": "add"},
    "vscan-equal": {"strategy": "vscan", "local": "equal"},
}
"""Options that change how a strategy chooses, but not how many tokens."""


class ArrayView(View):
    """Shows the given tensors; asking for one that was not given is an error.

    Args:
        attention: (heads, text tokens, visual tokens) probabilities; `ahead` likewise, of the next layer;
            `attention_plain` and `ahead_plain`, without rotary embedding.
        hidden, hidden_before, normed_hidden, keys, embeddings: {"visual": tensor, "text": tensor}.
        queries: (heads, visual tokens, head width); transitions: {layer: (visual tokens,)}.
        at: {layer: the view there}.
        saliency, early_saliency, received, middle_received, features, vision_keys, information, answer_information:
            one tensor over the visual tokens each.
        prompt_embeddings: of all text.
        projector: (feature width, width), what features are multiplied with.
        grid: rows and columns; one row where nobody says. depth: number of decoder layers.
    """

    def __init__(self, count: int, text_count: int, visual_start: int = 5, layer: int = 2, seed: int = 0, **tensors):
        self.count, self.text_count, self.visual_start, self.layer = count, text_count, visual_start, layer
        self.seed, self.depth = seed, tensors.pop("depth", 6)
        self.grid, self.present = tensors.pop("grid", (1, count)), torch.arange(count)
        self.tensors = tensors

    def at(self, layer):
        return self if layer == self.layer else self.tensors["at"][layer]

    def hidden(self, section="visual", before=0):
        return self.tensors["hidden_before" if before else "hidden"][section]

    def normed_hidden(self, section="visual"):
        return self.tensors["normed_hidden"][section]

    def keys(self, section="visual"):
        return self.tensors["keys"][section]

    def queries(self):
        return self.tensors["queries"]

    def transition(self, layer):
        return self.tensors["transitions"][layer]

    def attention(self, rows, ahead=False, rotary=True):
        return self.tensors[("ahead" if ahead else "attention") + ("" if rotary else "_plain")][:, rows]

    def embeddings(self, section="visual"):
        return self.tensors["embeddings"][section]

    def prompt_embeddings(self):
        return self.tensors["prompt_embeddings"]

    def saliency(self, early=False):
        return self.tensors["early_saliency" if early else "saliency"]

    def received(self, middle=False):
        return self.tensors["middle_received" if middle else "received"]

    def features(self):
        return self.tensors["features"]

    def projected(self, features):
        return features @ self.tensors["projector"]

    def vision_keys(self):
        return self.tensors["vision_keys"]

    def information(self, by="first token"):
        return self.tensors["information" if by == "first token" else "answer_information"]

    def places(self):
        return torch.stack([self.present // self.grid[1], self.present % self.grid[1]], dim=1)

    def generator(self, keep):
        return torch.Generator().manual_seed(1000 * self.seed + keep)


def sections(sequence: Tensor, start: int, count: int, dim: int = 0) -> dict[str, Tensor]:
    """Split a whole sequence, prefix | visual | text, into what a view shows."""
    text = start + count
    return {
        "visual": sequence.narrow(dim, start, count),
        "text": sequence.narrow(dim, text, sequence.shape[dim] - text),
    }


def grid_of(count: int) -> tuple[int, int]:
    """The most even grid of so many tokens, wider than high."""
    rows = max(side for side in range(1, int(count**0.5) + 1) if count % side == 0)
    return rows, count // rows


def random_view(
    count: int, text_count: int = 9, seed: int = 0, tokens: str = "random", grid: tuple[int, int] | None = None
) -> ArrayView:
    """Everything random from one seed; `tokens` makes all visual tokens alike (constant), pairs (duplicate) or zero."""
    generator = torch.Generator().manual_seed(seed)
    pattern = {
        "random": torch.arange(count),
        "constant": torch.zeros(count, dtype=torch.long),
        "duplicate": torch.arange(count) // 2,
        "zero": torch.arange(count),
    }[tokens]

    def visual(*shape: int, dim: int = 0) -> Tensor:
        values = torch.randn(shape, generator=generator).index_select(dim, pattern)
        # Every third token without length.
        return (
            values * (torch.arange(count) % 3 > 0).view([-1 if i == dim else 1 for i in range(len(shape))])
            if (tokens == "zero")
            else values
        )

    def both(*shape: int, dim: int = 0) -> dict[str, Tensor]:
        text = list(shape)
        text[dim] = text_count
        return {"visual": visual(*shape, dim=dim), "text": torch.randn(text, generator=generator)}

    return ArrayView(
        count,
        text_count,
        seed=seed,
        grid=grid or grid_of(count),
        hidden=both(count, 16),
        hidden_before=both(count, 16),
        queries=visual(4, count, 8, dim=1),
        transitions={1: visual(count).softmax(dim=0)},
        normed_hidden=both(count, 16),
        keys=both(2, count, 8, dim=1),
        embeddings=both(count, 16),
        attention=visual(4, text_count, count, dim=2).softmax(dim=2),
        ahead=visual(4, text_count, count, dim=2).softmax(dim=2),
        attention_plain=visual(4, text_count, count, dim=2).softmax(dim=2),
        ahead_plain=visual(4, text_count, count, dim=2).softmax(dim=2),
        saliency=visual(count).softmax(dim=0),
        early_saliency=visual(count).softmax(dim=0),
        received=visual(count).softmax(dim=0),
        middle_received=visual(count).softmax(dim=0),
        prompt_embeddings=torch.randn(text_count + 3, 16, generator=generator),
        features=visual(count, 24),
        vision_keys=visual(count, 12),
        projector=torch.randn(24, 16, generator=generator),
        information=visual(count).sigmoid(),
        answer_information=visual(count).sigmoid(),
    )
