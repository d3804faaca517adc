"""From trials to a choice and a table: on planted losses the best schedule is found, and nothing is judged twice."""

import json

import numpy as np
import polars as pl
import pytest

from infohorizon import tables
from infohorizon.analysis.loss_curves import curves
from infohorizon.analysis.recommendation import Settings, recommendation_rows
from infohorizon.analysis.search import Prices, search
from infohorizon.analysis.statistics import Clusters, means, pooled, resample
from infohorizon.analysis.trials import Candidate, choose, mean_over_benchmarks, name_of, read_trials, stages_of
from infohorizon.report.recommendation import page

SETTINGS = Settings(0.95, 500, 0)
LOSSES = {"drop": 0.02, "single": 0.2, "other": 0.21, "cheat": 0.0, "random 0.25 at 0": 0.4, "downsample 0.25": 0.01}


ROLES = {"winner": "drop", "single": "single", "random": "random 0.25 at 0", "downsample": "downsample 0.25"}


def candidate(name, kind="found", stages=2, tokens=0.25):
    plan = [[layer, "fastv", 0.5 / (1 + layer)] for layer in range(1, stages + 1)]
    return Candidate(0.25, kind, name, plan, 0.25, tokens, 0.1)


CANDIDATES = [
    candidate("other", stages=1),
    candidate("drop"),
    candidate("single", stages=1),
    candidate("cheat", "configured"),
    candidate("random 0.25 at 0", "random", stages=1),
    candidate("downsample 0.25", "downsample", stages=0),
]


def trials(names, questions=60, seed=0, shares=None):
    """Two benchmarks of unequal size, two questions an image; schedules lose what LOSSES says, on average."""
    found = {}
    for number, benchmark in enumerate(("large", "small")):
        count = questions // (1 + number)
        noise = np.linspace(-0.1, 0.1, count)
        rows = [
            {
                "question_id": f"{benchmark}{seed}-{q:03}",
                "image_id": f"{benchmark}{seed}-{q // 2}",
                "schedule": name,
                "loss": LOSSES[name] + noise[(q * 7 + len(name)) % count],
                "tokens": (shares or {}).get(name, 0.25) * 64,
                "share": (shares or {}).get(name, 0.25),
            }
            for q in range(count)
            for name in names
        ]
        found[benchmark] = pl.DataFrame(rows).sort("question_id", "schedule")
    return found


def test_roles_go_to_the_smallest_loss_of_those_that_keep_what_was_planned():
    shares = dict.fromkeys(LOSSES, 0.25)
    chosen = choose(CANDIDATES, LOSSES, shares | {"cheat": 0.26})  # 4 % more than planned
    assert {role: one.schedule for role, one in chosen.items()} == {
        "winner": "drop",
        "single": "single",
        "random": "random 0.25 at 0",
        "downsample": "downsample 0.25",
    }
    whole = choose(CANDIDATES, LOSSES, shares | {"cheat": 0.26, "downsample 0.25": 1.0})  # a model with a fixed number
    assert whole == chosen  # it loses less than the winner, and is none
    chosen = choose(CANDIDATES, LOSSES, shares | {"cheat": 0.255})  # counts as equal
    assert chosen["winner"].schedule == chosen["configured"].schedule == "cheat"
    assert chosen["single"].schedule == "single"
    tied = choose(CANDIDATES, LOSSES | {"single": 0.02, "cheat": 0.02}, shares)
    assert tied["winner"].schedule == "single"  # fewer stages


def test_the_mean_over_benchmarks_weights_them_equally():
    own = trials(["drop"])
    each = [frame["loss"].mean() for frame in own.values()]
    assert mean_over_benchmarks(own, "loss")["drop"] == pytest.approx(sum(each) / 2)


def test_pooled_clusters_have_the_mean_of_the_means():
    generator = np.random.default_rng(0)
    parts = [
        Clusters(generator.random((g, 3)) * size, np.full((g, 1), float(size))) for g, size in ((5, 2), (9, 1), (3, 4))
    ]
    expected = np.mean([part.sums.sum(0) / part.sizes.sum() for part in parts], axis=0)
    got = pooled(parts)
    assert means(got, resample(len(got.sizes), 1, 0))[0] == pytest.approx(expected)
    assert got.sizes.min() >= 1  # `compare` takes smaller images for empty ones


def test_rows_of_both_splits():
    roles = ROLES
    search_rows = list(recommendation_rows("search", trials(LOSSES), CANDIDATES, roles, SETTINGS))
    held_out = list(recommendation_rows("held-out", trials(list(roles.values()), seed=9), CANDIDATES, roles, SETTINGS))
    assert [(row["benchmark"], row["role"]) for row in held_out] == [
        (benchmark, role) for benchmark in ("large", "small", "") for role in roles
    ]
    assert sorted(row["schedule"] for row in search_rows if row["role"] == "candidate") == sorted(
        ["cheat", "other"] * 3
    )
    rows = {(row["benchmark"], row["role"]): row for row in held_out}
    winner, single = rows["", "winner"], rows["", "single"]
    assert winner["loss"] == pytest.approx(0.02) and winner["low"] < 0.02 < winner["high"]
    assert winner["difference"] is None
    assert single["difference"] == pytest.approx(0.18)
    assert 0 < single["difference_low"] < 0.18 < single["difference_high"]
    assert (winner["questions"], winner["images"]) == (90, 45)
    assert (rows["small", "winner"]["questions"], rows["small", "winner"]["images"]) == (30, 15)
    assert winner["mean_tokens"] == pytest.approx(16) and winner["token_share"] == pytest.approx(0.25)


def test_the_page_says_what_was_shown():
    roles = ROLES
    rows = [
        {"model": "m", "unit": "tokens", **row}
        for split, names in (("search", list(LOSSES)), ("held-out", list(roles.values())))
        for row in recommendation_rows(split, trials(names), CANDIDATES, roles, SETTINGS)
    ]
    text = page(pl.DataFrame(rows), "score", "figure.svg")
    assert "the best of 5, it lost 0.020" in text
    assert "The best single stage is shown to lose more; no configured schedule meets this budget;" in text
    assert "random at layer 0 is shown to lose more; no difference from the image at lower resolution is shown." in text
    assert "fastv keeps 25% of the visual tokens from layer 1 on" in text


def test_trials_hold_smaller_images_beside_schedules(tmp_path):
    """Of two images one has 8 tokens, and 2 of them when it is smaller; the model of the other makes all of its 4."""
    place, metadata = "m/b/part-0.arrow", {"stage": "made up"}
    empty = dict.fromkeys(tables.TABLES["benchmark"].columns)
    text = {"question": "", "hint": "", "options": [], "ocr_tokens": [], "label": "", "answers": [], "category": ""}
    questions = [empty | text | {"question_id": q, "image_id": i} for q, i in (("q1", "a"), ("q2", "b"))]
    grids = [{"image_id": i, "grid_height": 2, "grid_width": w} for i, w in (("a", 4), ("b", 2))]
    vision = dict.fromkeys(tables.TABLES["vision"].columns)
    said = {"answer": "x", "label_probability": 0.5}
    full = said | {"other_spelling": False, "answer_probability": 0.5, "divergence": 0.0, "condition": "full"}
    rows = {
        "answers": [full | {"question_id": q, "score": 1.0} for q in ("q1", "q2")],
        "schedules": [
            said | {"question_id": q, "schedule": "s", "repeat": 0, "mean_tokens": 1.0, "kept": None, "score": 0.0}
            for q in ("q1", "q2")
        ],
        "downsample": [
            said | {"question_id": q, "keep": 0.25, "tokens": t, "width": 9, "height": 9, "score": s}
            for q, t, s in (("q1", 2, 0.5), ("q2", 4, 1.0))
        ],
        "vision": [vision | grid for grid in grids],
    }
    files = {"questions": [str(tmp_path / "benchmarks/b.arrow")]}
    tables.write(files["questions"][0], "benchmark", questions, metadata)
    for name, own in rows.items():
        files[name] = [str(tmp_path / name / place)]
        tables.write(files[name][0], name, own, metadata)
    found = read_trials(files, "m", "score")["b"].filter(schedule="downsample 0.25")
    assert found.select("question_id", "loss", "tokens", "share").rows() == [
        ("q1", 0.5, 2.0, 0.25),
        ("q2", 0.0, 4.0, 1.0),
    ]


@pytest.mark.parametrize("loss_of_drop", [0.0, 0.9])
def test_a_planted_best_schedule_is_found_by_search_and_choice(loss_of_drop):
    """Tokens are worth nothing from layer 4 on, or everything: the schedule that the truth calls for wins."""
    cells = [
        (name, layer, keep, (1 - keep) * worth)
        for name, factor in (("good", 0.5), ("random", 1.0))
        for layer in (1, 4)
        for worth in [factor if layer == 1 else loss_of_drop]
        for keep in (0.125, 0.5)
    ]
    cells += [("drop-all", 1, 0.0, 1.0), ("drop-all", 4, 0.0, loss_of_drop)]
    measured = pl.DataFrame(cells, ["strategy", "layer", "keep", "loss"], orient="row")
    price = Prices(np.arange(65.0), 8)
    found = search(curves(measured, 64), price, 0.5, most=2, tries=6)
    candidates = [
        Candidate(
            0.5, "found", name_of(stages), stages, price.share(one.stages), price.mean_tokens(one.stages), one.predicted
        )
        for one in found
        for stages in [stages_of(one.stages, 64)]
    ]
    true = {one.schedule: one.predicted for one in candidates}
    winner = choose(candidates, true, {one.schedule: one.tokens for one in candidates})["winner"]
    expected = [[4, "drop-all", 0]] if loss_of_drop == 0 else [[1, "good", 0.421875]]
    assert json.loads(json.dumps(winner.stages)) == expected
