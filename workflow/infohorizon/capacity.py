"""How much goes through the decoder at once, for the engine and for what plans its work. No torch.

What the engine computes depends on it in the last bits: an edit makes the stages that run a model run again.
"""

FEW = 16
"""The last rows of a call, this many or fewer, take no steps of their own where they may wait for those of others."""

CALL = 0.6
"""Share of a device's free memory that a decoder call may take."""

WAITING = 0.2
"""Share that the keys and values of rows which wait may take. When they continue they are copied, perhaps while a call
still holds its own: that fits but for padding and the unpruned run, for which `Batch.halves` makes room."""


def tokens_on(free: float, bytes_per_token: float, bytes_cached: float) -> tuple[int, int]:
    """Tokens of a call, and cached tokens of rows that wait, on a card.

    Args:
        free: bytes; bytes_per_token: of a token in a call; bytes_cached: of its keys and values in all layers.
    """
    return max(1024, int(CALL * free / bytes_per_token)), max(256, int(WAITING * free / bytes_cached))
