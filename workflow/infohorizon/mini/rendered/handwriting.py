"""Handwritten digits, the one thing in a rendered image that is not drawn: people wrote them, scikit-learn has them.

E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
doi:10.24432/C50P49, CC BY 4.0. scikit-learn ships the 1,797 digits of its test part, 8 × 8 pixels in 17 shades each.
"""

from functools import cache

import numpy as np
from PIL import Image

from infohorizon.mini.rendered.scenes import Scene, Split, sample_digits

# Which of them a split owns.
OWNED: dict[Split, range] = {"train": range(1297), "validation": range(1297, 1397), "test": range(1397, 1797)}


@cache
def samples() -> tuple[np.ndarray, np.ndarray]:
    """Ink (1797, 8, 8) in 0..1, and what was meant (1797,)."""
    from sklearn.datasets import load_digits  # slow to import, and needed for this alone

    data = load_digits()
    return data.images.astype(np.float32) / 16, data.target


def label_of(index: int) -> str:
    """The digit that the writer of sample `index` meant."""
    return str(samples()[1][index])


def digit_scene(rng: np.random.Generator, split: Split) -> Scene:
    """A scene of digits that belong to the split."""
    return sample_digits(rng, OWNED[split])


def digit_mask(index: int, side: int) -> np.ndarray:
    """Coverage (side, side) in 0..1 of sample `index`, enlarged."""
    ink = Image.fromarray(np.rint(samples()[0][index] * 255).astype(np.uint8))
    return np.asarray(ink.resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32) / 255
