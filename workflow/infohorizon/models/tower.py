"""What layers of a vision tower show while it runs: how much each of its tokens is attended to."""

from collections.abc import Sequence

from torch import Tensor, nn

from infohorizon.engine.layers import Tap

QUERY_CHUNK = 512  # rows of attention at a time: those of 8192 patches would need gigabytes at once


def watching(late: nn.Module, early: nn.Module, middle: nn.Module, class_token: bool) -> tuple[Tap, dict[str, Tensor]]:
    """A tap on three attention modules, and what it stores: `models.base.Encoded`'s fields by name.

    Args:
        class_token: whether the first token is one, whose attention then is the saliency; else that of all tokens.
    Returns: the tap, and a dictionary of (batch, tokens) attention and of (batch, tokens, width) keys to be filled.
    """
    seen: dict[str, Tensor] = {}

    def tap(module: nn.Module, query: Tensor, key: Tensor, scaling: float) -> None:
        salient = query[:, :, :1] if class_token else query
        if module is late:
            seen["saliency"] = attention_received(salient, key, scaling)
            seen["received"] = attention_received(query, key, scaling) if class_token else seen["saliency"]
            seen["keys"] = key.float().mean(1)
        if module is middle:
            seen["middle_received"] = attention_received(query, key, scaling)
        if module is early:
            seen["early_saliency"] = attention_received(salient, key, scaling)

    return tap, seen


def attention_received(query: Tensor, key: Tensor, scaling: float) -> Tensor:
    """Attention that each token receives, mean over heads and over the given queries; without any mask.

    Args:
        query: (batch, heads, queries, head width), after the rotary embedding where there is one.
        key: (batch, heads, tokens, head width), likewise.
        scaling: factor of their product before the softmax.
    Returns: (batch, tokens) in float32; the tokens of an image add up to 1.
    """
    heads, queries = query.shape[1:3]
    total = key.new_zeros(key.shape[0], key.shape[2]).float()
    for rows in query.float().split(QUERY_CHUNK, dim=2):
        total += (rows @ key.float().mT * scaling).softmax(dim=-1).sum(dim=(1, 2))
    return total / (heads * queries)


def last_below(layers: Sequence[int], bound: float) -> int:
    """The last of some ascending layers below a bound; the first one where none is."""
    return max((layer for layer in layers if layer < bound), default=layers[0])
