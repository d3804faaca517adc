"""What a budget of `recommend` limits, as prices of the tokens in a layer. No torch."""

import numpy as np

from infohorizon.analysis.search import Prices
from infohorizon.models.geometry import Geometry, kv_bytes
from infohorizon.study.cost import PREFIX, head_flops, layer_flops

ELEMENT = 2  # bytes of a key or value; a share does not depend on them


def prices(unit: str, shape: Geometry, count: int, text: int) -> Prices:
    """Prices for images of `count` visual tokens.

    Args:
        unit: tokens (visual tokens), flops (of the prefill) or kv (bytes of keys and values). The last two count the
            text as well, which nothing prunes.
        text: tokens after the image.
    """
    tokens = np.arange(count + 1.0)
    if unit == "tokens":
        return Prices(tokens, shape.layers)
    prompt = tokens + PREFIX + text
    if unit == "kv":
        return Prices(kv_bytes(shape, prompt, ELEMENT) / shape.layers, shape.layers)
    return Prices(np.array([layer_flops(shape, length) for length in prompt]), shape.layers, head_flops(shape))
