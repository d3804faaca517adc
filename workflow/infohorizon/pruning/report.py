"""What a call of generate saved: tokens, bytes of the cache, FLOPs of the prefill, and what choosing took."""

from dataclasses import dataclass
from typing import Any

from infohorizon.study.cost import head_flops, layer_flops


@dataclass(frozen=True)
class Report:
    """One call of generate.

    Attributes:
        tokens: of each row, how many tokens entered each layer with the prompt, padding aside.
        visual: of each row, how many of them were visual ones.
        cache_bytes, unpruned_cache_bytes: keys and values of all layers at the end of the call, and what they would
            be without pruning; padding included.
        prefill_flops, unpruned_prefill_flops: of the decoder on the prompts (study/cost.py), without the vision tower
            and without choosing.
        selection_seconds: wall-clock time spent in choosing tokens.
    """

    tokens: list[list[int]]
    visual: list[list[int]]
    cache_bytes: int
    unpruned_cache_bytes: int
    prefill_flops: float
    unpruned_prefill_flops: float
    selection_seconds: float

    def __str__(self) -> str:
        mean = sum(map(sum, self.visual)) / sum(map(len, self.visual))
        cache, flops = self.cache_bytes / self.unpruned_cache_bytes, self.prefill_flops / self.unpruned_prefill_flops
        return (
            f"{mean:.0f} visual tokens a layer; cache {self.cache_bytes / 2**20:.1f} MiB ({cache:.2f} of unpruned); "
            f"prefill {self.prefill_flops:.3g} FLOPs ({flops:.2f}); selection {1000 * self.selection_seconds:.0f} ms"
        )


def report_of(call: Any) -> Report:
    """The report of a call that has ended (call.py)."""
    layers, shape, cache = range(call.plan.depth), call.plan.shape, call.cache
    of_layer = [call.layouts[call.segments[layer]] for layer in layers]
    rows = range(len(call.layouts[0].rows))
    tokens = [[layout.rows[row].length for layout in of_layer] for row in rows]
    whole = [row.length for row in call.layouts[0].rows]
    heads = len(whole) * head_flops(shape)
    return Report(
        tokens,
        [[len(layout.rows[row].present) for layout in of_layer] for row in rows],
        sum(cache.nbytes(layer) for layer in layers),
        sum(cache.nbytes(layer) // cache.length(layer) * cache.seen for layer in layers),
        sum(layer_flops(shape, length) for row in tokens for length in row) + heads,
        sum(call.plan.depth * layer_flops(shape, length) for length in whole) + heads,
        call.selecting,
    )
