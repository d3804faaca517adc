"""From a scene to pixels: glyphs and icons as cached masks, blended over gradient, clutter and noise."""

from functools import cache
from math import cos, pi, sin
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from infohorizon.mini.rendered.handwriting import digit_mask
from infohorizon.mini.rendered.scenes import COLORS, GRID, PATCH, QUARTERS, SIZE, Digit, Icon, Scene, Word

FONT_FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
OVERSAMPLING = 4  # icons are drawn larger and averaged down: smooth edges


@cache
def glyph(character: str, font: tuple[str, int], dx: int, dy: int) -> np.ndarray:
    """Coverage (PATCH, PATCH) in 0..1 of one character, centred and then moved by (dx, dy) as far as it fits."""
    canvas = Image.new("L", (4 * PATCH, 4 * PATCH))
    face = ImageFont.truetype(FONT_FOLDER / f"{font[0]}.ttf", font[1])
    ImageDraw.Draw(canvas).text((PATCH, PATCH), character, fill=255, font=face)
    ink = canvas.crop(canvas.getbbox())
    patch = Image.new("L", (PATCH, PATCH))
    corner = [
        min(max((PATCH - extent) // 2 + shift, 0), max(PATCH - extent, 0))
        for extent, shift in zip(ink.size, (dx, dy), strict=True)
    ]
    patch.paste(ink, corner)
    return np.asarray(patch, dtype=np.float32) / 255


def regular(corners: int, inner: float = 1.0, turn: float = 0.0) -> list[tuple[float, float]]:
    """Corners of a regular polygon of radius 1, every second one drawn in to `inner`."""
    points = []
    for i in range(corners):
        angle, radius = 2 * pi * i / corners - pi / 2 + turn, inner if i % 2 else 1.0
        points.append((radius * cos(angle), radius * sin(angle)))
    return points


POLYGONS = {
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0, -0.95), (1, 0.85), (-1, 0.85)],
    "star": regular(10, inner=0.42),
    "diamond": [(0, -1), (0.7, 0), (0, 1), (-0.7, 0)],
    "house": [(0, -1), (1, -0.1), (0.7, -0.1), (0.7, 0.9), (0.2, 0.9), (0.2, 0.3), (-0.2, 0.3), (-0.2, 0.9),
              (-0.7, 0.9), (-0.7, -0.1), (-1, -0.1)],
    "hammer": [(-0.9, -0.9), (0.9, -0.9), (0.9, -0.3), (0.2, -0.3), (0.2, 1), (-0.2, 1), (-0.2, -0.3), (-0.9, -0.3)],
    "cross": [(-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3), (0.3, 1), (-0.3, 1),
              (-0.3, 0.3), (-1, 0.3), (-1, -0.3), (-0.3, -0.3)],
}  # fmt: skip
# Round parts as (left, top, right, bottom, ink): later ones paint over earlier ones.
ELLIPSES = {
    "circle": [(-0.9, -0.9, 0.9, 0.9, 1)],
    "ring": [(-1, -1, 1, 1, 1), (-0.5, -0.5, 0.5, 0.5, 0)],
    "moon": [(-0.9, -0.9, 0.9, 0.9, 1), (-0.25, -0.9, 1.35, 0.7, 0)],
    "cup": [(0.1, -0.5, 1, 0.5, 1), (0.35, -0.25, 0.75, 0.25, 0)],
    "heart": [(-0.95, -0.85, 0.1, 0.2, 1), (-0.1, -0.85, 0.95, 0.2, 1)],
}
POLYGONS |= {
    "cup": [(-0.9, -0.8), (0.5, -0.8), (0.3, 0.9), (-0.7, 0.9)],
    "heart": [(-0.92, -0.1), (0.92, -0.1), (0, 1)],
}


@cache
def icon_mask(kind: str, radius: int, dx: int, dy: int) -> np.ndarray:
    """Coverage (2 PATCH, 2 PATCH) in 0..1 of one icon of the given radius, moved by (dx, dy) pixels."""
    side = 2 * PATCH * OVERSAMPLING
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)

    def at(x: float, y: float) -> tuple[float, float]:
        return (PATCH + dx + radius * x) * OVERSAMPLING, (PATCH + dy + radius * y) * OVERSAMPLING

    for left, top, right, bottom, ink in ELLIPSES.get(kind, ()):
        draw.ellipse((*at(left, top), *at(right, bottom)), fill=255 * ink)
    if kind in POLYGONS:
        draw.polygon([at(x, y) for x, y in POLYGONS[kind]], fill=255)
    pixels = np.asarray(image, dtype=np.float32) / 255
    return pixels.reshape(2 * PATCH, OVERSAMPLING, 2 * PATCH, OVERSAMPLING).mean(axis=(1, 3))


def background(rng: np.random.Generator) -> np.ndarray:
    """A dark gradient between four random corners with a few faint lines, (SIZE, SIZE, 3) in 0..255."""
    corners = rng.uniform(0, 75, size=(2, 2, 3)).astype(np.float32)
    ramp = np.linspace(0, 1, SIZE, dtype=np.float32)
    rows = corners[0] + ramp[:, None, None] * (corners[1] - corners[0])
    pixels = rows[:, :1] + ramp[None, :, None] * (rows[:, 1:] - rows[:, :1])
    clutter = Image.new("L", (SIZE, SIZE))
    draw = ImageDraw.Draw(clutter)
    for x0, y0, x1, y1 in rng.integers(0, SIZE, size=(rng.integers(2, 6), 4)).tolist():
        draw.line((x0, y0, x1, y1), fill=int(rng.integers(15, 50)))
    return pixels + np.asarray(clutter, dtype=np.float32)[..., None]


def draw_scene(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Pixels of a scene, uint8 of shape (SIZE, SIZE, 3)."""
    pixels = background(rng)

    def blend(mask: np.ndarray, color: str, row: int, column: int, dy: int = 0, dx: int = 0) -> None:
        ink = np.asarray(COLORS[color], dtype=np.float32) + rng.uniform(-20, 20, size=3).astype(np.float32)
        y, x = row * PATCH + dy, column * PATCH + dx
        area = pixels[y : y + mask.shape[0], x : x + mask.shape[1]]
        area += mask[..., None] * (ink - area)

    def blend_icon(icon: Icon) -> None:
        radius, dx, dy = int(rng.integers(9, 12)), *rng.integers(-1, 2, size=2).tolist()
        blend(icon_mask(icon.kind, radius, dx, dy), icon.color, icon.row, icon.column)

    def blend_word(word: Word) -> None:
        dx, dy = rng.integers(-1, 2, size=2).tolist()
        line = np.concatenate([glyph(character, word.font, dx, dy) for character in word.text], axis=1)
        blend(line, word.color, word.row, word.column)

    def blend_digit(digit: Digit) -> None:
        side = int(rng.integers(36, GRID // 2 * PATCH + 1))
        dy, dx = rng.integers(GRID // 2 * PATCH - side + 1, size=2).tolist()
        blend(digit_mask(digit.sample, side), digit.color, *QUARTERS[digit.quarter], dy, dx)

    for icon in (*scene.icons, scene.sign):
        blend_icon(icon)
    for digit in scene.digits:
        blend_digit(digit)
    for word in scene.words:
        blend_word(word)
    pixels += rng.uniform(2, 12) * rng.standard_normal(pixels.shape, dtype=np.float32)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
