"""Horizons against naive re-estimation in plain Python, and under any order of rows and parts."""

from dataclasses import replace

import numpy as np
import polars as pl
from scipy import stats
from study_tables import DEPTH, information, only, study

from infohorizon.analysis.horizons import Settings, horizons
from infohorizon.analysis.panels import Tables, over_windows
from infohorizon.analysis.statistics import resample

QUICK = Settings(resamples=60)


def naive_tests(differences, images):
    """Mean and standard error (with two pseudo-images) of one cell, by the book."""
    names = sorted(set(images))
    totals = [(sum(d for d, i in zip(differences, images, strict=True) if i == n), images.count(n)) for n in names]
    size = len(images) / len(names)
    totals += [(size, size), (-size, size)]
    mean = sum(t for t, _ in totals) / sum(n for _, n in totals)
    spread = sum((t - mean * n) ** 2 for t, n in totals) * len(totals) / (len(totals) - 1)
    return mean, spread**0.5 / sum(n for _, n in totals), len(totals) - 1


def naive_parity(differences, images):
    """Per layer whether the advantage is insignificant (Holm) and equivalent to 0; differences: (questions, layers)."""
    cells = [naive_tests(column, images) for column in differences.T]
    p = [stats.t.sf(mean / error, freedom) for mean, error, freedom in cells]
    significant = set()
    for step, cell in enumerate(np.argsort(p)):
        if p[cell] * (len(p) - step) > 0.05:
            break
        significant.add(cell)
    reach = [abs(mean) + stats.t.ppf(0.95, freedom) * error for mean, error, freedom in cells]
    return [cell not in significant and reach[cell] <= 0.2 for cell in range(len(cells))]


def naive_first(holds):
    return next((layer for layer in range(DEPTH) if all(holds[layer:])), DEPTH)


def test_intervals_are_those_of_naive_re_estimation():
    """Every resample written out question by question, every criterion recomputed in plain Python."""
    tables, config = study(count=40), Settings(resamples=50, equivalence=0.2, margin=0.2)
    rows = horizons(tables, config)
    names = sorted(tables.questions["image_id"].unique())
    matrix = {"peak": tables.information.sort("question_id", "layer")["information"].to_numpy().reshape(40, DEPTH)}
    mean_repeat = {
        name: frame.group_by("question_id", "layer", "keep").agg(pl.col("score").mean())
        for name, frame in tables.sweeps.items()
    }

    def scores(name, keep):
        frame = mean_repeat[name].filter(keep=keep).sort("question_id", "layer")
        return frame["score"].to_numpy().reshape(40, DEPTH)

    full = tables.answers.filter(condition="full").sort("question_id")["score"].to_numpy()
    matrix["loss"] = scores("drop-all", 0.0) - full[:, None]
    matrix["advantage"] = scores("fastv", 2.0) - scores("random", 2.0)
    found = {"information": [], "redundancy": [], "random-parity": []}
    for weights in resample(len(names), 50, 0):
        picked, images = [], []
        for name, count in zip(names, weights, strict=True):
            members = [q for q, image in enumerate(tables.questions["image_id"]) if image == name]
            for copy in range(int(count)):
                picked += members
                images += [(name, copy)] * len(members)
        curve = matrix["peak"][picked].mean(axis=0)
        found["information"].append(naive_first([value <= 0.1 * max(curve) for value in curve]))
        cells = [naive_tests(column, images) for column in matrix["loss"][picked].T]
        bounds = [mean - stats.t.ppf(0.95, freedom) * error for mean, error, freedom in cells]
        found["redundancy"].append(naive_first([bound >= -0.2 for bound in bounds]))
        found["random-parity"].append(naive_first(naive_parity(matrix["advantage"][picked], images)))
    for criterion, (estimate, *draws) in found.items():
        row = only(rows, criterion, keep=2.0 if criterion == "random-parity" else None)
        draws.sort()
        # 50 draws: the smallest value with at least 2.5 % and 97.5 % of them at or below it.
        assert (row["layer"], row["low"], row["high"]) == (estimate, draws[1], draws[48])


def test_all_keeps_at_once_is_the_deepest_of_them():
    """A strategy that fails at one keep fails; and where an interval is that of one keep, it is not narrower."""
    rows = [row for row in horizons(study(), QUICK) if row["criterion"] in ("no-advantage", "random-parity")]
    for group in {(row["strategy"], row["criterion"], row["factor"]) for row in rows}:
        same = [row for row in rows if (row["strategy"], row["criterion"], row["factor"]) == group]
        layers = {row["keep"]: row["layer"] for row in same}
        assert layers.pop(None) == max(layers.values())


def test_rows_and_parts_may_come_in_any_order():
    """The rows of every table shuffled, the information reduced in two parts: equal to the last bit."""
    ordered, curves = study(), np.random.default_rng(1).uniform(0, 0.3, (60, DEPTH))
    raw = information(curves, curves / 50)

    def shuffled(frame):
        return frame.sample(fraction=1, shuffle=True, seed=5)

    halves = [raw.filter(pl.col("question_id") >= "q0030"), raw.filter(pl.col("question_id") < "q0030")]
    mixed = Tables(
        "mini",
        "made-up",
        DEPTH,
        shuffled(ordered.questions),
        shuffled(ordered.answers),
        pl.concat(over_windows(shuffled(half)) for half in halves),
        {name: shuffled(frame) for name, frame in reversed(ordered.sweeps.items())},
    )
    assert horizons(mixed, QUICK) == horizons(replace(ordered, information=over_windows(raw)), QUICK)
