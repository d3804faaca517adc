"""Prompt endings that several benchmarks share, worded as for LLaVA-1.5 and Qwen2.5-VL in lmms-eval."""

from collections.abc import Sequence
from string import ascii_uppercase

SHORT = "\nAnswer the question using a single word or phrase."
LETTER = "\nAnswer with the option's letter from the given choices directly."


def lettered(choices: Sequence[str]) -> list[str]:
    """["cat", "dog"] → ["A. cat", "B. dog"]."""
    return [f"{letter}. {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False)]
