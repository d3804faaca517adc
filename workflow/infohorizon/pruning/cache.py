"""The cache of a pruned call: every layer holds what it saw, and the whole counts what the caller gave."""

from typing import Any

from torch import Tensor
from transformers import DynamicCache


class PrunedCache(DynamicCache):
    """transformers' growing cache, whose layers may differ in length.

    What drives a model (`generate`, position ids) asks it how many tokens it has seen: these are the tokens that
    entered the decoder, whatever has left since.

    Attributes:
        seen: tokens that entered the decoder.
        kept_keys: layer → the keys it gave last, for layers that are in `watched`.
    """

    def __init__(self, watched: set[int]) -> None:
        super().__init__()
        self.seen, self.watched = 0, watched
        self.kept_keys: dict[int, Tensor] = {}

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any) -> Any:
        keys, values = super().update(key_states, value_states, layer_idx, *args, **kwargs)
        if layer_idx in self.watched:
            self.kept_keys[layer_idx] = keys
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.seen

    def get_mask_sizes(self, query_length: Any, layer_idx: int) -> tuple[int, int]:
        new = query_length if isinstance(query_length, int) else len(query_length)  # 4.57 gives the new tokens' places
        return self.seen + new, 0

    def nbytes(self, layer: int) -> int:
        """Bytes of one layer's keys and values."""
        held: Any = self.layers[layer]
        return held.keys.nbytes + held.values.nbytes

    def length(self, layer: int) -> int:
        """How many tokens one layer holds, padding included."""
        held: Any = self.layers[layer]
        return held.keys.shape[-2]
