"""Attention of the engine against its definition: prefixes shared, outputs nobody reads, one token at a time, GQA."""

import pytest
import torch
from torch import Tensor, nn

from infohorizon.engine import layers
from infohorizon.engine.caches import PrefixCache

HEADS, KV, WIDTH = 6, 2, 8


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def by_definition(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal softmax attention, head by head and query by query: (rows, new, heads, width)."""
    rows, heads, new, width = query.shape
    old = key.shape[2] - new
    out = torch.empty(rows, new, heads, width, dtype=query.dtype)
    for row in range(rows):
        for head in range(heads):
            mine = head // (heads // key.shape[1])
            for token in range(new):
                seen = slice(0, old + token + 1)
                scores = key[row, mine, seen] @ query[row, head, token] / width**0.5
                out[row, token, head] = scores.softmax(0) @ value[row, mine, seen]
    return out


@pytest.mark.parametrize("shared", [0, 5])
@pytest.mark.parametrize(("new", "read"), [(1, None), (1, 1), (9, None), (9, 1), (9, 4), (2, None)])
def test_attention_is_its_definition(shared: int, new: int, read: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "CHUNK", 4)
    torch.manual_seed(0)
    rows, old = 3, 2
    query, key, value = (
        draw(rows, HEADS, new, WIDTH),
        draw(rows, KV, old + new, WIDTH),
        draw(rows, KV, old + new, WIDTH),
    )
    prefix = (draw(KV, shared, WIDTH), draw(KV, shared, WIDTH)) if shared else None
    before = [part.expand(rows, -1, -1, -1) for part in prefix] if shared else [key[:, :, :0], value[:, :, :0]]
    expected = by_definition(query, torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2))
    cache = PrefixCache(prefix)
    cache.update(key[:, :, :old], value[:, :, :old])
    with cache.running(read):
        ours, _ = layers._attention(nn.Identity(), query, *cache.update(key[:, :, old:], value[:, :, old:]), None)
    asked = new if read is None else read
    assert torch.allclose(ours[:, new - asked :], expected[:, new - asked :], atol=1e-12)
    assert ours.shape == expected.shape and not ours[:, : new - asked].any()
