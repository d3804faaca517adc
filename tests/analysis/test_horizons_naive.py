"""Horizons against naive re-estimation in plain Python, and under any order of rows and parts."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats
from study_tables import DEPTH, answers, information, only, questions, rows_of, study

from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.panels import Tables
from infohorizon.analysis.reading import over_windows
from infohorizon.analysis.statistics import resample

QUICK = Settings(resamples=60)


Z = stats.norm.ppf(0.95)


def naive_upper(differences, images, margin):
    """One cell by the book: the upper bound of the mean, and the p of 'at most the margin'.

    Pseudo-images of mean size: z²/2 at 0 and as many at +1 for the bound, at −1 for p.
    """
    names = sorted(set(images))
    totals = [(1, sum(d for d, i in zip(differences, images, strict=True) if i == n), images.count(n)) for n in names]
    size = len(images) / len(names)
    found = {}
    for worst in (1, -1):
        rows = [*totals, (Z**2 / 2, worst * size, size), (Z**2 / 2, 0, size)]
        count = sum(number for number, _, _ in rows)
        mean = sum(number * t for number, t, _ in rows) / (count * size)
        spread = sum(number * (t - mean * n) ** 2 for number, t, n in rows) * count / (count - 1)
        found[worst] = mean, spread**0.5 / (count * size), count - 1
    mean, error, freedom = found[1]
    bound = mean + stats.t.ppf(0.95, freedom) * error
    mean, error, freedom = found[-1]
    return bound, stats.t.sf((mean - margin) / error, freedom)


def naive_set(matrix, images, margin, both=False):
    """low, layer, high of a matrix (questions, layers) of losses; both: of their size."""
    sides = [matrix, -matrix] if both else [matrix]
    tested = [[naive_upper(column, images, margin) for column in side.T] for side in sides]
    bounds = [max(cell[0] for cell in cells) for cells in zip(*tested, strict=True)]
    p = [min(1, len(sides) * min(cell[1] for cell in cells)) for cells in zip(*tested, strict=True)]
    above = set()
    for step, cell in enumerate(np.argsort(p)):
        if p[cell] * (len(p) - step) > 0.05:
            break
        above.add(cell)
    means = [max(side[:, cell].mean() for side in sides) for cell in range(len(p))]
    low = naive_first([cell not in above for cell in range(len(p))])
    return low, naive_first([mean <= margin for mean in means]), naive_first([bound <= margin for bound in bounds])


def naive_first(holds):
    return next((layer for layer in range(DEPTH) if all(holds[layer:])), DEPTH)


def matrices(tables):
    """Of the made-up study: (questions, layers) of usable information, losses, advantages; what the image is worth."""
    count = tables.questions.height
    mean_repeat = {
        name: frame.group_by("question_id", "layer", "keep").agg(pl.col("score").mean())
        for name, frame in tables.sweeps.items()
    }

    def scores(name, keep):
        frame = mean_repeat[name].filter(keep=keep).sort("question_id", "layer")
        return frame["score"].to_numpy().reshape(count, DEPTH)

    full, blind = (tables.answers.filter(condition=name).sort("question_id") for name in ("full", "blind"))
    text = tables.information.sort("question_id", "layer")["text_probability"].to_numpy().reshape(count, DEPTH)
    return {
        "usable": full["label_probability"].to_numpy()[:, None] - text,
        "worth": (full["label_probability"] - blind["label_probability"]).to_numpy(),
        "loss": full["score"].to_numpy()[:, None] - scores("drop-all", 0.0),
        "advantage": scores("fastv", 2.0) - scores("random", 2.0),
    }


def test_confidence_sets_are_those_of_the_naive_tests():
    tables, config = study(count=200), Settings(resamples=50, equivalence=0.2, margin=0.1)
    rows, matrix, images = rows_of(tables, config), matrices(tables), tables.questions["image_id"].to_list()
    for criterion, expected, keep in (
        ("redundancy", naive_set(matrix["loss"], images, 0.1), None),
        ("no-advantage", naive_set(matrix["advantage"], images, 0.2), 2.0),
        ("random-parity", naive_set(matrix["advantage"], images, 0.2, both=True), 2.0),
    ):
        row = only(rows, criterion, keep=keep)
        assert (row["low"], row["layer"], row["high"]) == expected
    assert only(rows, "redundancy")["high"] == 5


def naive_excess(values, images):
    """Mean of one cell, with a pseudo-image of mean size at either side of 0 as far as any image: bound and p."""
    names = sorted(set(images))
    totals = [(sum(v for v, i in zip(values, images, strict=True) if i == n), images.count(n)) for n in names]
    size = len(images) / len(names)
    largest = max(abs(total / n) for total, n in totals)
    totals += [(sign * largest * size, size) for sign in (1, -1)]
    count = len(totals)
    mean = sum(total for total, _ in totals) / (count * size)
    spread = sum((total - mean * n) ** 2 for total, n in totals) * count / (count - 1)
    error = spread**0.5 / (count * size)
    return mean + stats.t.ppf(0.95, count - 1) * error, stats.t.sf(mean / error, count - 1)


def naive_ratio(matrix, worth, images, threshold):
    """low, layer, high, p_beyond of a matrix (questions, layers) against a share of `worth`; 50 resamples written out.

    high: the deeper of what the resamples and the tests of each layer give.
    """
    names, found = sorted(set(images)), []
    for weights in resample(len(names), 50, 0):
        picked = []
        for name, count in zip(names, weights, strict=True):
            picked += [q for q, image in enumerate(images) if image == name] * int(count)
        left = matrix[picked].mean(axis=0) - threshold * worth[picked].mean()
        found.append(naive_first([share <= 0 for share in left]))
    estimate, *draws = found
    draws.sort()
    tested = [naive_excess(column - threshold * worth, images) for column in matrix.T]
    shown = naive_first([bound <= 0 for bound, _ in tested])
    # 50 draws: the smallest value with at least 2.5 % and 97.5 % of them at or below it.
    return min(draws[1], estimate), estimate, max(draws[48], shown), tested[-1][1]


def found(row):
    return row["low"], row["layer"], row["high"], pytest.approx(row["p_beyond"])


def test_information_is_found_as_naively():
    for count, seed in ((16, 0), (60, 0), (60, 12)):  # in the last, the resamples are the more cautious
        tables = study(count=count, seed=seed)
        matrix, images = matrices(tables), tables.questions["image_id"].to_list()
        rows = rows_of(tables, Settings(resamples=50))
        row, opposite = only(rows, "information"), -matrix["worth"]
        assert row["worth"] == pytest.approx(matrix["worth"].mean())
        assert row["worth_low"] == pytest.approx(-naive_excess(opposite, images)[0])
        for factor in (0.5, 1.0, 2.0):
            expected = naive_ratio(matrix["usable"], matrix["worth"], images, 0.1 * factor)
            assert expected == found(only(rows, "information", factor))
            assert expected == found(only(rows, "answer-information", factor)), "of the whole label it is half"


def test_label_free_criteria_are_found_as_naively():
    """KL by question and layer: the share above τ, its mean against that without the image, and its trimmed mean."""
    rng, count = np.random.default_rng(3), 160
    divergence = (
        np.exp(rng.normal(0, 1, (count, 1))) * np.exp(-0.9 * np.arange(DEPTH)) * rng.uniform(0.5, 1, (count, DEPTH))
    )
    divergence[rng.random((count, DEPTH)) < 0.3 * (np.arange(DEPTH) > 3)] = 0
    asked, whole = questions(count, per_image=2), np.full(count, 2.0)
    table = over_windows(information(np.zeros((count, DEPTH)), divergence))
    tables = Tables("mini", "made-up", DEPTH, asked, answers(np.ones(count), divergence=2.0), table)
    images = asked["image_id"].to_list()
    for factor in (0.5, 1.0, 2.0):
        settings = Settings(resamples=50, divergence=0.02, changed=0.1)
        rows = rows_of(tables, settings)
        assert found(only(rows, "label-free-ratio", factor)) == naive_ratio(divergence, whole, images, 0.1 * factor)
        changed = (divergence > 0.02).astype(float)
        row = only(rows, "label-free", factor)
        assert (row["low"], row["layer"], row["high"]) == naive_set(changed, images, 0.1 * factor)
        row = only(rows, "label-free-trimmed", factor)
        means = [np.sort(column)[: count - count // 20].mean() for column in divergence.T]
        assert row["layer"] == naive_first([mean <= 0.02 * factor for mean in means])
        assert found(row) == naive_ratio(naive_trimmed(divergence), np.ones(count), images, 0.02 * factor)


def naive_trimmed(divergence):
    """Values in the place of questions: the largest 5 % count as the largest of the rest, all shifted to the mean."""
    columns = []
    for column in divergence.T:
        left = np.sort(column)[: len(column) - len(column) // 20]
        columns.append(np.minimum(column, left[-1]))
        columns[-1] = columns[-1] / 0.95 - left[-1] * 0.05 / 0.95
        assert columns[-1].mean() == pytest.approx(left.mean())
    return np.stack(columns, axis=1)


def test_all_keeps_at_once_is_the_deepest_of_them():
    """A strategy that fails at one keep fails; and where an interval is that of one keep, it is not narrower."""
    rows = [row for row in rows_of(study(), QUICK) if row["criterion"] in ("no-advantage", "random-parity")]
    for group in {(row["strategy"], row["criterion"], row["factor"]) for row in rows}:
        same = [row for row in rows if (row["strategy"], row["criterion"], row["factor"]) == group]
        for end in ("layer", "high"):
            layers = {row["keep"]: row[end] for row in same}
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
    assert rows_of(mixed, QUICK) == rows_of(replace(ordered, information=over_windows(raw)), QUICK)
