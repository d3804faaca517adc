"""The metrics table against metrics computed naively on resampled copies of the data."""

import numpy as np
import polars as pl
import pytest

from infohorizon import benchmarks, tables
from infohorizon.analysis.metric_table import Answered, Settings, metric_rows, relative_rows, runs
from infohorizon.analysis.metrics import draws, published
from infohorizon.analysis.statistics import resample
from infohorizon.seeding import seed_of

SETTINGS = Settings(0.9, 200, seed=3)
LAYERS, KEEPS, REPEATS = (1, 2), (0.25, 4.0), 2


def questions(task, images=12):
    """Two questions on each image; POPE: three categories; MME: a pair in one of two subtasks."""
    rows = []
    for image in range(images):
        for number, truth in enumerate(("Yes", "No")):
            category = ("color", "OCR")[image % 2] if task == "mme" else ("random", "popular", "adversarial")[image % 3]
            question_id = f"{category}/{image}.png#{2 * image + number}"
            rows.append([question_id, f"i{image}", category, [truth]])
    return pl.DataFrame(rows, ["question_id", "image_id", "category", "answers"], orient="row")


def answered(task, asked, rng):
    """question_id, answer, score, right two times in three."""
    truths = asked["answers"].list.first()
    said = [truth if rng.random() < 0.66 else rng.choice(["Yes", "No", "perhaps"]) for truth in truths]
    scores = [task.score(answer, [truth]) for answer, truth in zip(said, truths, strict=True)]
    return asked.select("question_id").with_columns(answer=pl.Series(said), score=pl.Series(scores))


def study(name, seed=0):
    task, rng = benchmarks.create(name), np.random.default_rng(seed)
    asked = questions(name)
    own = asked.filter(pl.col("image_id") != "i0")  # the sweep is limited
    both = [answered(task, asked, rng).with_columns(condition=pl.lit(c)) for c in ("full", "blind")]
    sweep = [
        answered(task, own, rng).with_columns(
            strategy=pl.lit(strategy),
            layer=pl.lit(layer, pl.Int32),
            keep=keep,
            repeat=pl.lit(repeat, pl.Int32),
            tokens=100 * layer + repeat,
        )
        for strategy in ("random", "fastv")
        for layer in LAYERS
        for keep in KEEPS
        for repeat in range(REPEATS if strategy == "random" else 1)
    ]
    schedules = [
        answered(task, own, rng).with_columns(schedule=pl.lit(s), repeat=pl.lit(0, pl.Int32), mean_tokens=7.5)
        for s in ("plain", "mixed")
    ]
    pruned = [runs(part, "strategy") for part in pl.concat(sweep).partition_by("strategy", maintain_order=True)]
    pruned.append(runs(pl.concat(schedules), "schedule"))
    tokens = pl.Series([14 + index % 2 for index in range(len(asked))])
    pruned.append(runs(answered(task, asked, rng).with_columns(keep=0.25, tokens=tokens), "downsample"))
    full_and_blind = runs(pl.concat(both), "answers")
    return Answered("m", name, task, asked, full_and_blind, pruned, {"fastv": "random", "mixed": "plain"}, "p 1")


def naive(task, asked, part, weights):
    """The metrics of a sample in which every image occurs as often as its weight says."""
    about = part.join(asked, on="question_id")
    copies = []
    for image, weight in zip(sorted(about["image_id"].unique()), weights, strict=True):
        rows = about.filter(image_id=image)
        for copy in range(int(weight)):
            copies.append(rows.with_columns(question_id=f"{copy}/" + pl.col("question_id")))
    return published(task, pl.concat(copies))


@pytest.mark.parametrize("name", ["mme", "pope"])
def test_values_differences_and_intervals_agree_with_naive_resampling(name):
    made = study(name)
    rows, _ = metric_rows(made, SETTINGS)
    task = made.task
    key = (task.metrics[0].name, "")
    parts = made.pruned[0].partition_by("layer", "keep", "repeat", as_dict=True, maintain_order=True)
    repeats = [parts[2, 4.0, repeat] for repeat in range(REPEATS)]
    fastv = made.pruned[1].filter(layer=2, keep=4.0)
    full = made.full_and_blind.filter(condition="full").join(fastv.select("question_id"), on="question_id", how="semi")
    weights = resample(11, SETTINGS.resamples, seed_of(SETTINGS.seed, made.benchmark))
    chosen = [w for w in weights[:40] if all(naive_has_all(made.questions, fastv, w))]
    (row,) = [
        r for r in rows if (r["name"], r["layer"], r["keep"], r["metric"], r["category"]) == ("fastv", 2, 4.0, *key)
    ]
    value, base = (
        naive(task, made.questions, fastv, weights[0])[key],
        np.mean([naive(task, made.questions, part, weights[0])[key] for part in repeats]),
    )
    complete = naive(task, made.questions, full, weights[0])[key]
    assert row["value"] == pytest.approx(value)
    assert row["full"] == pytest.approx(complete)
    assert row["difference"] == pytest.approx(value - complete)
    assert row["relative"] == pytest.approx(100 * value / complete)
    assert row["baseline_difference"] == pytest.approx(value - base)
    assert (row["questions"], row["images"], row["protocol"]) == (22, 11, "p 1")
    frame = fastv.with_columns(cell=pl.lit(0)).join(made.questions, on="question_id")
    images = frame["image_id"].unique().sort()
    found = draws(task, frame, images, np.array([weights[0], *chosen]))[key][0, 1:]
    expected = [naive(task, made.questions, fastv, w)[key] for w in chosen]
    assert found == pytest.approx(expected)
    every = draws(task, frame, images, weights)[key][0, 1:]
    ends = np.quantile(every[np.isfinite(every)], [0.05, 0.95], method="inverted_cdf")
    assert (row["low"], row["high"]) == (pytest.approx(ends[0]), pytest.approx(ends[1]))


def naive_has_all(asked, part, weights):
    """For each category, whether the sample holds an image of it."""
    about = part.join(asked, on="question_id").select("image_id", "category").unique().sort("image_id")
    present = about.with_columns(weight=pl.Series(weights)).group_by("category").agg(pl.col("weight").sum())
    return present["weight"] > 0


def test_every_run_and_category_has_a_row_and_the_schema_fits():
    rows, relative = metric_rows(study("mme"), SETTINGS)
    table = tables.from_rows("metrics", rows + relative_rows("m", [relative], SETTINGS))
    frame = pl.from_arrow(table)
    cells = frame.filter(pl.col("benchmark").is_not_null()).group_by("metric", "category").len()
    assert set(cells["len"]) == {2 + 2 * (len(LAYERS) + 1) * len(KEEPS) + 2 + 1}
    assert set(cells["category"]) == {"", "perception", "color", "OCR"}
    assert frame.filter(condition="full", metric="score", category="")["difference"].to_list() == [0.0]
    assert frame.filter(condition="blind")["difference_low"].null_count() == 0
    counted = frame.filter(condition="full", metric="score").select("category", "questions", "images").sort("category")
    assert counted.rows() == [("", 24, 12), ("OCR", 12, 6), ("color", 12, 6), ("perception", 24, 12)]
    assert frame.filter(name="mixed", metric="score", category="")["baseline"].to_list() == ["plain"]


def test_every_run_says_how_many_visual_tokens_it_had():
    rows, relative = metric_rows(study("mme"), SETTINGS)
    frame = pl.from_arrow(tables.from_rows("metrics", rows + relative_rows("m", [relative], SETTINGS)))
    frame = frame.filter(pl.col("category") == "", pl.col("metric") == "score")
    swept = frame.filter(name="random", keep=0.25).sort("layer", nulls_last=True)
    assert swept["tokens"].to_list() == [100.5, 200.5, 150.5]  # two repeats; the mean over layers
    assert set(frame.filter(condition="schedule")["tokens"]) == {7.5}
    assert set(frame.filter(pl.col("condition").is_in(["full", "blind"]))["tokens"]) == {None}
    (smaller,) = frame.filter(condition="downsample").iter_rows(named=True)
    assert (smaller["tokens"], smaller["keep"], smaller["questions"], smaller["baseline"]) == (14.5, 0.25, 24, None)
    assert ("downsample", "", None, 0.25) in relative


def test_the_mean_over_layers_is_that_of_the_layers_all_strategies_share():
    made = study("mme")
    made.pruned[1] = made.pruned[1].filter(~((pl.col("layer") == 1) & (pl.col("keep") == 0.25)))
    rows, relative = metric_rows(made, SETTINGS)
    frame = pl.from_arrow(tables.from_rows("metrics", rows)).filter(metric="score", category="", condition="strategy")
    for name in ("random", "fastv"):
        for keep, layers in ((0.25, [2]), (4.0, [1, 2])):
            own = frame.filter(name=name, keep=keep)
            (mean,) = own.filter(pl.col("layer").is_null()).to_dicts()
            parts = own.filter(pl.col("layer").is_in(layers))
            assert parts.height == len(layers)
            for column in ("value", "difference", "relative", "baseline_difference"):
                if mean[column] is not None:
                    assert mean[column] == pytest.approx(parts[column].mean())
            if len(layers) == 2:  # of an average, resampled as a whole
                assert mean["high"] - mean["low"] < (parts["high"] - parts["low"]).max()
            assert relative["strategy", name, None, keep][0] == pytest.approx(mean["relative"] / 100)


def test_the_relative_score_is_the_mean_of_ratios():
    found = [metric_rows(study(name, seed), SETTINGS) for name, seed in (("mme", 1), ("pope", 2))]
    rows = relative_rows("m", [relative for _, relative in found], SETTINGS)
    own = [
        row["relative"]
        for part, _ in found
        for row in part
        if row["own"] and row["category"] == "" and (row["name"], row["layer"], row["keep"]) == ("fastv", 1, 0.25)
    ]
    (row,) = [row for row in rows if (row["name"], row["layer"], row["keep"]) == ("fastv", 1, 0.25)]
    assert len(own) == 2
    assert row["value"] == pytest.approx(np.mean(own))
    assert row["difference"] == pytest.approx(np.mean(own) - 100)
    assert row["low"] < row["value"] < row["high"]
    assert {row["benchmark"] for row in rows} == {None}
    assert [row["layer"] for row in rows if (row["name"], row["keep"]) == ("fastv", 0.25)] == [1, 2, None]


def test_relative_scores_are_in_the_order_of_layers_and_one_image_gives_no_interval():
    runs = [("strategy", "fastv", layer, 0.25) for layer in (10, None, 2, 1)]
    found = {run: np.array([0.5, 0.4, 0.6]) for run in runs}
    assert [row["layer"] for row in relative_rows("m", [found], SETTINGS)] == [1, 2, 10, None]
    made = study("mme")
    one = made.questions.filter(image_id="i1").select("question_id")
    both, pruned = (part.join(one, on="question_id", how="semi") for part in (made.full_and_blind, made.pruned[1]))
    rows = metric_rows(
        Answered("m", "mme", made.task, made.questions, both.with_columns(score=1.0), [pruned], {}), SETTINGS
    )
    (first, *_) = relative_rows("m", [rows[1]], SETTINGS)
    assert first["value"] is not None and first["low"] is None and first["high"] is None


def test_one_image_has_no_interval_and_a_full_score_of_zero_no_ratio():
    made = study("pope")
    one = made.questions.filter(image_id="i1")
    wrong = made.full_and_blind.join(one.select("question_id"), on="question_id", how="semi").with_columns(score=0.0)
    rows, _ = metric_rows(Answered("m", "pope", made.task, one, wrong, [], {}), SETTINGS)
    (row,) = [
        row for row in rows if row["condition"] == "full" and (row["metric"], row["category"]) == ("accuracy", "")
    ]
    assert (row["value"], row["low"], row["high"], row["relative"]) == (0, None, None, None)


def test_a_category_of_one_image_has_no_interval():
    made = study("pope")
    few = made.questions.filter(pl.col("image_id").is_in(["i1", "i2", "i5"]))  # one popular, two adversarial
    own = made.full_and_blind.join(few.select("question_id"), on="question_id", how="semi")
    rows, _ = metric_rows(Answered("m", "pope", made.task, few, own, [], {}), SETTINGS)
    found = {row["category"]: row for row in rows if (row["condition"], row["metric"]) == ("full", "accuracy")}
    assert {name: row["low"] is None for name, row in found.items()} == {
        "": False,
        "popular": True,
        "adversarial": False,
    }
