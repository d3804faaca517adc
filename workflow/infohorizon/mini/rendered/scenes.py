"""What is in an image: words, icons, digits and one sign on an 8 × 8 grid of patches, and how they are sampled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar
from zlib import crc32

import numpy as np

T = TypeVar("T")
Split = Literal["train", "validation", "test"]

GRID = 8  # patches per side
PATCH = 12  # pixels per patch
SIZE = GRID * PATCH
WORD_LENGTH = 3
CHARACTERS = "ABCDEFGHJKLMNPRSTUVWXYZ2345679"  # without the pairs that look alike at this size (O0Q, I1, B8)
COLORS = {
    "red": (230, 40, 40),
    "green": (40, 200, 60),
    "blue": (70, 110, 255),
    "yellow": (245, 225, 40),
    "orange": (250, 140, 20),
    "purple": (170, 70, 220),
    "cyan": (50, 220, 225),
    "white": (245, 245, 245),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "diamond", "ring", "moon")
SIGNS = ("cup", "house", "hammer", "heart")  # each asks for one attribute of a fact, see facts.py
KINDS = SHAPES + SIGNS
# Quarter of the image → its upper left patch (row, column).
QUARTERS = {
    f"{vertical} {horizontal}": (row, column)
    for vertical, row in (("top", 0), ("bottom", GRID // 2))
    for horizontal, column in (("left", 0), ("right", GRID // 2))
}

FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
)
FONT_SIZES = (12, 13, 14)
TEST_FONTS = (("DejaVuSans", 13), ("DejaVuSerif-Bold", 12), ("DejaVuSansMono-Bold", 14))
TRAIN_FONTS = tuple((font, size) for font in FONTS for size in FONT_SIZES if (font, size) not in TEST_FONTS)


@dataclass(frozen=True)
class Word:
    """Three characters, one per patch, the first in patch (row, column)."""

    text: str
    color: str
    row: int
    column: int
    font: tuple[str, int]


@dataclass(frozen=True)
class Icon:
    """A shape or a sign on 2 × 2 patches, the upper left one being (row, column)."""

    kind: str
    color: str
    row: int
    column: int

    @property
    def side(self) -> str:
        """The half of the image that holds the icon; `sample_scene` puts none on the middle line."""
        return "left" if self.column < GRID // 2 - 1 else "right"


@dataclass(frozen=True)
class Digit:
    """Handwritten digit number `sample` (handwriting.py) somewhere in a quarter of the image, such as "top left"."""

    sample: int
    color: str
    quarter: str


@dataclass(frozen=True)
class Scene:
    """Words of different colours, icons of different kinds and colours, and one sign; or digits and one sign."""

    words: tuple[Word, ...]
    icons: tuple[Icon, ...]
    sign: Icon
    digits: tuple[Digit, ...] = ()


def split_of(key: str) -> Split:
    """The split that owns a text string: 80 % train, 10 % validation, 10 % test, by its checksum."""
    bucket = crc32(key.encode()) % 10
    return "test" if bucket == 9 else "validation" if bucket == 8 else "train"


def generator(seed: int, split: Split, index: int) -> np.random.Generator:
    """The source of all randomness of one image: the same on every machine and in any order."""
    return np.random.default_rng([seed, ("train", "validation", "test").index(split), index])


def pick_one(rng: np.random.Generator, items: Sequence[T]) -> T:
    """A random item."""
    return items[rng.integers(len(items))]


def pick(rng: np.random.Generator, items: Sequence[T], count: int) -> list[T]:
    """`count` different items in random order."""
    return [items[i] for i in rng.permutation(len(items))[:count]]


def sample_word(rng: np.random.Generator, split: Split) -> str:
    """A string of the split's own; no other split shows it."""
    while True:
        text = "".join(CHARACTERS[i] for i in rng.integers(len(CHARACTERS), size=WORD_LENGTH))
        if split_of(text) == split:
            return text


def sample_scene(rng: np.random.Generator, split: Split, simple: bool = False) -> Scene:
    """A scene with one word and one icon if `simple`, else with 2–3 words and 2–3 icons; always one sign."""
    words, icons = (1, 1) if simple else rng.integers(2, 4, size=2)
    fonts = TEST_FONTS if split == "test" else TRAIN_FONTS
    free = np.ones((GRID, GRID), dtype=bool)

    def place(height: int, width: int, columns: list[int]) -> tuple[int, int]:
        spots = [
            (row, column)
            for row in range(GRID - height + 1)
            for column in columns
            if free[row : row + height, column : column + width].all()
        ]
        row, column = pick_one(rng, spots)
        free[row : row + height, column : column + width] = False
        return row, column

    off_center = [column for column in range(GRID - 1) if column != GRID // 2 - 1]
    placed_icons = [
        Icon(kind, color, *place(2, 2, off_center))
        for kind, color in zip(pick(rng, SHAPES, icons), pick(rng, list(COLORS), icons), strict=True)
    ]
    sign = Icon(pick_one(rng, SIGNS), pick_one(rng, list(COLORS)), *place(2, 2, off_center))
    placed_words = []
    for color in pick(rng, list(COLORS), words):
        # A word also takes the patch behind it, so that two words in a row never touch.
        row, column = place(1, WORD_LENGTH + 1, list(range(GRID - WORD_LENGTH)))
        font = pick_one(rng, fonts)
        placed_words.append(Word(sample_word(rng, split), color, row, column, font))
    return Scene(tuple(placed_words), tuple(placed_icons), sign)


def sample_digits(rng: np.random.Generator, samples: Sequence[int]) -> Scene:
    """Three of the handwritten digits `samples`, each in a quarter of its own, and a sign in the fourth."""
    *quarters, last = pick(rng, list(QUARTERS), 4)
    colors = pick(rng, list(COLORS), 4)
    digits = [Digit(*written) for written in zip(pick(rng, samples, 3), colors, quarters, strict=False)]
    row, column = (start + int(rng.integers(GRID // 2 - 1)) for start in QUARTERS[last])
    return Scene((), (), Icon(pick_one(rng, SIGNS), colors[3], row, column), tuple(digits))


def patch_labels(scene: Scene) -> dict[str, np.ndarray]:
    """What each patch shows, as class numbers of shape (GRID, GRID); 0 means nothing.

    Keys: character, index (place of the character in its word), kind, color, row, column.
    """
    blank = np.zeros((GRID, GRID), dtype=np.int64)
    labels = {name: blank.copy() for name in ("character", "index", "kind", "color")}
    for word in scene.words:
        span = np.s_[word.row, word.column : word.column + WORD_LENGTH]
        labels["character"][span] = [CHARACTERS.index(c) + 1 for c in word.text]
        labels["index"][span] = np.arange(WORD_LENGTH) + 1
        labels["color"][span] = list(COLORS).index(word.color) + 1
    for icon in (*scene.icons, scene.sign):
        block = np.s_[icon.row : icon.row + 2, icon.column : icon.column + 2]
        labels["kind"][block] = KINDS.index(icon.kind) + 1
        labels["color"][block] = list(COLORS).index(icon.color) + 1
    labels["row"], labels["column"] = np.indices((GRID, GRID))
    return labels
