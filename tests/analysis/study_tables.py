"""Tables of a made-up study for the tests of horizons and comparisons."""

import numpy as np
import polars as pl

from infohorizon.analysis.panels import Tables, over_windows

DEPTH = 8


def questions(count, per_image=1):
    ids = [f"q{index:04}" for index in range(count)]
    return pl.DataFrame({"question_id": ids, "image_id": [f"i{index // per_image}" for index in range(count)]})


def answers(scores):
    rows = [
        {"question_id": f"q{i:04}", "condition": condition, "score": float(score) * (condition == "full")}
        for i, score in enumerate(scores)
        for condition in ("blind", "full")
    ]
    return pl.DataFrame(rows)


def information(curves, divergence=None):
    """curves: (questions, layers) largest |information|; a second window has half of it, with the other sign."""
    divergence = np.zeros_like(curves) if divergence is None else divergence
    rows = []
    for (question, layer), peak in np.ndenumerate(curves):
        for window, value in enumerate((peak, -peak / 2)):
            probability = {"probability": 0.5 + value, "text_probability": 0.5, "information": value}
            answer = {"answer_probability": 0.25 + value / 2, "text_answer_probability": 0.25}
            answer["answer_information"] = value / 2
            where = {"question_id": f"q{question:04}", "layer": layer, "window": window}
            rows.append({**where, **probability, **answer, "text_divergence": divergence[question, layer]})
    return pl.DataFrame(rows)


def sweep(scores, keeps=(4.0,)):
    """scores: (questions, layers, keeps, repeats)."""
    rows = [
        {"question_id": f"q{q:04}", "layer": layer, "keep": keeps[k], "repeat": r, "tokens": int(keeps[k]), "score": s}
        for (q, layer, k, r), s in np.ndenumerate(scores)
    ]
    return pl.DataFrame(rows)


def schedule(name, scores, mean_tokens=3.0):
    """scores: (questions, repeats)."""
    rows = [
        {"question_id": f"q{q:04}", "schedule": name, "repeat": r, "mean_tokens": mean_tokens, "score": s}
        for (q, r), s in np.ndenumerate(scores)
    ]
    return pl.DataFrame(rows)


def study(count=60, per_image=2, seed=0):
    """Tables with every piece: random scores, information that fades, drop-all that stops hurting at layer 5."""
    rng = np.random.default_rng(seed)
    full = rng.integers(0, 2, count).astype(float)
    fading = rng.uniform(0, 0.5, (count, DEPTH)) * np.exp(-np.arange(DEPTH))
    dropped = np.where(np.arange(DEPTH) < 5, rng.integers(0, 2, (count, DEPTH)), full[:, None])
    sweeps = {
        "random": sweep(rng.random((count, DEPTH, 2, 3)), (2.0, 4.0)),
        "fastv": sweep(rng.integers(0, 4, (count, DEPTH, 2, 1)) / 3, (2.0, 4.0)),
        "drop-all": sweep(dropped[:, :, None, None], (0.0,)),
    }
    schedules = {
        "plain": schedule("plain", rng.integers(0, 2, (count, 1)).astype(float)),
        "hybrid": schedule("hybrid", rng.integers(0, 2, (count, 3)).astype(float), 3.5),
    }
    asked = questions(count, per_image)
    peak = over_windows(information(fading, fading / 10))
    return Tables("mini", "made-up", DEPTH, asked, answers(full), peak, sweeps, schedules)


def only(rows, criterion, factor=1.0, **where):
    """The one row of a criterion."""
    where |= {"criterion": criterion, "factor": factor}
    (row,) = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return row
