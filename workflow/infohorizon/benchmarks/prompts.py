"""Wordings of the user turn that several benchmarks share, as LLaVA, lmms-eval and VLMEvalKit have them."""

from collections.abc import Sequence
from string import ascii_uppercase

SHORT = "\nAnswer the question using a single word or phrase."
LETTER = "\nAnswer with the option's letter from the given choices directly."


def lettered(options: Sequence[str]) -> list[str]:
    """["cat", "dog"] → ["A. cat", "B. dog"]."""
    return [f"{letter}. {option}" for letter, option in zip(ascii_uppercase, options, strict=False)]


def select(hint: str, question: str, options: Sequence[str]) -> str:
    """VLMEvalKit's turn of a multiple choice question; the space and line break at its end are its own."""
    lines = [f"Hint: {hint}"] if hint else []
    lines += [f"Question: {question}", "Options:", *lettered(options)]
    return "\n".join([*lines, "Please select the correct answer from the options above. \n"])
