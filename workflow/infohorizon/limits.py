"""How much goes through the decoder at once, for the engine and for what plans its work. No torch."""

FEW = 16
"""So many rows of a call, or fewer, take no steps of their own where they may wait for those of other calls."""

CALL = 0.6
"""Share of a device's free memory that a decoder call may take."""

WAITING = 0.2
"""Share that the keys and values of rows which wait may take. They are copied when they continue, perhaps during a call
whose own keys and values are still there: all of it together fits."""


def on_a_card(free: float, bytes_per_token: float, bytes_cached: float) -> tuple[int, int]:
    """Tokens of a call, and cached tokens of rows that wait.

    Args:
        free: bytes; bytes_per_token: of a token in a call; bytes_cached: of its keys and values in all layers.
    """
    return max(1024, int(CALL * free / bytes_per_token)), max(256, int(WAITING * free / bytes_cached))
