"""Colours that are used together can be told apart by readers who are blind to red or to green, by simulation."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from infohorizon.figures import heatmaps, horizon, recommendation, removals, schedules, style, sweep

# Machado, Oliveira and Fernandes 2009, severity 1, in linear RGB.
SIGHT = {
    "trichromacy": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE = [0.9505, 1.0, 1.089]
LEAST = 15  # of CIE 1976 units of colour difference; about 2.3 is just noticeable side by side
TOGETHER = {
    "series": style.PALETTE,
    "sweep": [sweep.RANDOM.color, sweep.OWN.color, sweep.HORIZON["color"], style.DOWNSAMPLED["color"], "#ffffff"],
    "removals": [look.color for look, _ in removals.LOOKS.values()],
    "recommendation": [look.color for look in recommendation.LOOKS.values()],
    "schedules": [schedules.LOOK.color, style.INK, "#ffffff"],
    "horizon": [*style.PALETTE, horizon.STRIPE],
    "heat maps": [heatmaps.LOSS, heatmaps.GAIN, "#ffffff"],
}


def lab(colour: str, sight: str) -> NDArray[np.float64]:
    """L*a*b* of a colour as it is seen."""
    value = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    seen = np.array(XYZ) @ np.clip(np.array(SIGHT[sight]) @ linear, 0, 1) / WHITE
    x, y, z = np.where(seen > 0.008856, np.cbrt(seen), 7.787 * seen + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("where", TOGETHER)
def test_colours_used_together_are_far_apart(where: str, sight: str) -> None:
    distances = {
        pair: float(np.linalg.norm(np.subtract(*(lab(colour, sight) for colour in pair))))
        for pair in combinations(TOGETHER[where], 2)
    }
    assert min(distances.values()) >= LEAST, min(distances, key=distances.__getitem__)


def test_the_measure_itself() -> None:
    assert lab("#ffffff", "trichromacy") == pytest.approx([100, 0, 0], abs=0.05)
    assert lab("#ff0000", "trichromacy") == pytest.approx([53.2, 80.1, 67.2], abs=0.2)  # published values of sRGB red
    red, green = (lab(colour, "deuteranopia") for colour in ("#c00000", "#5e6b00"))
    assert abs(red[1] - green[1]) < 12  # hues that only red and green tell apart collapse


def test_no_look_is_given_twice() -> None:
    looks = [style.series_look(index) for index in range(24)]
    assert len(set(looks)) == len(looks)
