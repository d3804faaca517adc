"""The comparison of smol-llava's controls finds planted steps, and says nothing where the image is worth nothing."""

import sys
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import controls

LAYERS = 12


def curve(shares, worth=0.9, questions=40, noise=0.0):
    """Rows of a family whose usable information at each layer is a share of the image's worth."""
    random = np.random.default_rng(0)
    frames = []
    for question in range(questions):
        own = worth * (1 + noise * random.standard_normal())
        left = own * np.array(shares) + 0.1 * noise * random.standard_normal(len(shares))
        ids = {"question_id": f"q{question}", "image_id": f"i{question // 2}", "score": float(question % 4 > 0)}
        frames.append(pl.DataFrame({"layer": range(len(shares)), "left": left}).with_columns(worth=pl.lit(own), **{
            name: pl.lit(value) for name, value in ids.items()
        }))  # fmt: skip
    return controls.family_of(pl.concat(frames))


def falling(first, last):
    """1 up to layer `first`, 0 from layer `last` on, a line between."""
    return np.clip((last - np.arange(LAYERS)) / (last - first), 0, 1)


def test_a_planted_step_is_found():
    sharp, slope = curve(falling(6, 7)), curve(falling(2, 10))
    assert (sharp.horizon[0], sharp.step[0], sharp.score) == (7, 1, 0.75)
    assert (slope.horizon[0], slope.step[0]) == (10, 8)  # the share is 7/8 at layer 3
    assert controls.interval(sharp.horizon) == "7 [7, 7]"


def test_information_that_returns_moves_the_horizon_and_what_never_goes_has_none_below_the_depth():
    back = falling(3, 4)
    back[8] = 0.5
    assert curve(back).horizon[0] == 9
    assert curve(np.ones(LAYERS)).horizon[0] == LAYERS


def test_noise_widens_the_interval():
    noisy = curve(falling(2, 10), noise=2.0)
    low, high = np.quantile(noisy.horizon[1:], [0.025, 0.975])
    assert low <= noisy.horizon[0] <= high and low < high


def test_an_image_that_is_worth_little_has_no_horizon():
    idle = curve(falling(6, 7), worth=0.1)
    assert not idle.measured and "the image is worth 0.10" in controls._cell(idle)


def test_the_order_of_families_is_compared():
    families = {name: curve(falling(at, at + 1)) for name, at in {"a": 2, "b": 5, "c": 8}.items()}
    reverse = {name: families[other] for name, other in zip("abc", "cba", strict=True)}
    assert controls.order(families, families).startswith("1.00")
    assert controls.order(families, reverse).startswith("-1.00")
    assert controls.order(families, {"a": families["a"]}) == "–"
    text = controls.page({"control-pretrained": families, "control-random": {"a": curve(falling(2, 3), worth=0.0)}})
    assert "| control-random | 0.75 | 0 of 1 | – | – |" in text


def test_intervals_over_seeds_hold_every_seed_and_families_that_all_measure():
    sharp, late, idle = (curve(falling(at, at + 1), worth) for at, worth in ((3, 0.9), (8, 0.9), (3, 0.1)))
    seeds = dict(zip(controls.SEEDS, ({"a": sharp, "b": sharp}, {"a": late, "b": idle}, {"a": sharp}), strict=True))
    *_, row = controls.over_seeds(seeds)
    assert row == "| a | 4, 9, 4 | 5.7 [4.0, 9.0] | 1.0 [1.0, 1.0] |"
    assert len(controls.over_seeds(seeds)) == 3 and row in controls.page(seeds)
    assert controls.over_seeds({"smol-llava": {"a": sharp}, controls.BASE: {"a": sharp}}) == []


def test_rows_are_kept_for_models_that_are_not_studied_again(tmp_path):
    rows, none = pl.DataFrame({"family": ["a"], "left": [0.5]}), pl.DataFrame()
    assert controls.kept(rows, None, "m").equals(rows) and controls.kept(none, tmp_path, "m").is_empty()
    assert controls.kept(rows, tmp_path / "new", "m").equals(rows)
    assert controls.kept(none, tmp_path / "new", "m").equals(rows)
    assert controls.kept(none, tmp_path / "new", "other").is_empty()
