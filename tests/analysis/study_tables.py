"""Tables of a made-up study for the tests of horizons and comparisons."""

import numpy as np
import polars as pl

from infohorizon.analysis.criteria import criteria
from infohorizon.analysis.horizons import Whose, horizons
from infohorizon.analysis.panels import Tables
from infohorizon.analysis.reading import over_windows

DEPTH = 8


FULL, FULL_ANSWER = 0.9, 0.8  # probabilities of the label with the whole image


def questions(count, per_image=1, categories=1):
    rows = range(count)
    return pl.DataFrame(
        {
            "question_id": [f"q{index:04}" for index in rows],
            "image_id": [f"i{index // per_image}" for index in rows],
            "category": [f"c{index // per_image % categories}" for index in rows],
        }
    )


def answers(scores, worth=0.6, divergence=1.0):
    """Full and blind; worth: what the image adds to the first token's probability (half of it for the whole label)."""
    worth = np.broadcast_to(worth, len(scores)).tolist()
    rows = [
        {
            "question_id": f"q{i:04}",
            "condition": condition,
            "score": float(score) * (condition == "full"),
            "label_probability": FULL - worth[i] * (condition == "blind"),
            "answer_probability": FULL_ANSWER - worth[i] / 2 * (condition == "blind"),
            "divergence": divergence * (condition == "blind"),
        }
        for i, score in enumerate(scores)
        for condition in ("blind", "full")
    ]
    return pl.DataFrame(rows)


def information(curves, divergence=None):
    """curves: (questions, layers) usable information, which a window alone has; a second has −½ of it.

    Of the whole label it is half.
    """
    divergence = np.zeros_like(curves) if divergence is None else divergence
    rows = []
    for (question, layer), peak in np.ndenumerate(curves):
        for window, value in enumerate((peak, -peak / 2)):
            text, text_answer = FULL - peak, FULL_ANSWER - peak / 2
            probability = {"probability": text + value, "text_probability": text, "information": value}
            answer = {"answer_probability": text_answer + value / 2, "text_answer_probability": text_answer}
            answer["answer_information"] = value / 2
            where = {"question_id": f"q{question:04}", "layer": layer, "window": window}
            rows.append({**where, **probability, **answer, "text_divergence": divergence[question, layer]})
    return pl.DataFrame(rows)


def removals(usable, scores, names=("delete", "mean")):
    """Of every name the same: usable information (questions, layers), half of it for the whole label, and scores."""
    rows = [
        {
            "question_id": f"q{q:04}",
            "removal": name,
            "layer": layer,
            "probability": FULL - value,
            "answer_probability": FULL_ANSWER - value / 2,
            "divergence": value / 10,
            "score": float(scores[q, layer]),
        }
        for name in names
        for (q, layer), value in np.ndenumerate(usable)
    ]
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


def study(count=60, per_image=2, seed=0, categories=1):
    """Tables with every piece: random scores, information that fades, drop-all that stops hurting at layer 5."""
    rng = np.random.default_rng(seed)
    full = rng.integers(0, 2, count).astype(float)
    fading = rng.uniform(0, 0.5, (count, DEPTH)) * np.exp(-np.arange(DEPTH))
    lost = rng.integers(0, 2, (count, DEPTH)) * (np.arange(DEPTH) < 5)
    dropped = full[:, None] * (1 - lost)
    sweeps = {
        "random": sweep(rng.random((count, DEPTH, 2, 3)), (2.0, 4.0)),
        "fastv": sweep(rng.integers(0, 4, (count, DEPTH, 2, 1)) / 3, (2.0, 4.0)),
        "drop-all": sweep(dropped[:, :, None, None], (0.0,)),
    }
    schedules = {
        "plain": schedule("plain", rng.integers(0, 2, (count, 1)).astype(float)),
        "hybrid": schedule("hybrid", rng.integers(0, 2, (count, 3)).astype(float), 3.5),
    }
    asked = questions(count, per_image, categories)
    peak = over_windows(information(fading, fading / 10))
    return Tables("mini", "made-up", DEPTH, asked, answers(full, worth=0.3), peak, sweeps, schedules)


def rows_of(tables, settings):
    """The horizon table of a study."""
    whose = Whose(tables.model, tables.benchmark, tables.depth)
    return horizons(whose, list(criteria(tables, settings)), settings)


def only(rows, criterion, factor=1.0, **where):
    """The one row of a criterion, of all categories unless one is named."""
    where = {"category": "", "removal": ""} | where | {"criterion": criterion, "factor": factor}
    (row,) = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return row
