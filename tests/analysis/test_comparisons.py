"""Paired comparisons against scipy and hand-computed cases; the horizon script on tables in files."""

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy import stats
from snakemake.iocontainers import InputFiles, OutputFiles, Params
from study_tables import DEPTH, answers, information, questions, removals, schedule, study, sweep

from infohorizon.analysis.comparisons import comparisons
from infohorizon.analysis.criteria import Settings
from infohorizon.analysis.panels import Tables
from infohorizon.analysis.selection import selections
from infohorizon.analysis.statistics import holm
from infohorizon.tables import TABLES, from_rows, read, read_metadata, write

QUICK = Settings(resamples=200)
SCRIPT = Path(__file__).parents[2] / "workflow/scripts/estimate_horizons.py"


def test_random_is_averaged_over_its_repeats_before_pairing():
    sweeps = {"random": sweep(np.array([[[[1.0, 0, 0.5]]], [[[0, 0, 0.6]]]])), "fastv": sweep(np.ones((2, 1, 1, 1)))}
    (row,) = comparisons(Tables("mini", "made-up", DEPTH, questions(2), sweeps=sweeps), {}, QUICK)
    assert row["baseline_score"] == pytest.approx(0.35)
    assert row["difference"] == pytest.approx(0.65)
    assert (row["name"], row["baseline"], row["layer"], row["keep"]) == ("fastv", "random", 0, 4.0)
    assert (row["tokens"], row["baseline_tokens"], row["questions"], row["images"]) == (4, 4, 2, 2)


def test_p_values_and_their_families():
    tables = study(per_image=1)
    rows = [row for row in comparisons(tables, {}, QUICK) if row["name"] == "fastv" and row["keep"] == 4.0]
    assert [row["layer"] for row in rows] == list(range(DEPTH))
    by = ("question_id", "layer", "keep")
    fastv, random = (tables.sweeps[name].group_by(by).agg(pl.col("score").mean()) for name in ("fastv", "random"))
    for row in rows:
        pairs = fastv.join(random, on=by).filter(layer=row["layer"], keep=4.0)
        differences = (pairs["score"] - pairs["score_right"]).to_numpy()
        assert row["difference"] == pytest.approx(differences.mean())
        largest = np.abs(differences).max()
        t = stats.ttest_1samp([*differences, largest, -largest], 0)
        assert row["p_value"] >= t.pvalue - 1e-12 and row["p_value"] == pytest.approx(t.pvalue, abs=0.05)
        low, high = t.confidence_interval(0.95)
        if row["p_value"] < 0.05:
            assert (row["low"], row["high"]) == pytest.approx((low, high))
        assert row["low"] < row["difference"] < row["high"]
    np.testing.assert_allclose([row["p_holm"] for row in rows], holm(np.array([row["p_value"] for row in rows])))


def test_drop_all_is_compared_with_the_unpruned_model():
    rows = [row for row in comparisons(study(), {}, QUICK) if row["name"] == "drop-all"]
    assert {row["baseline"] for row in rows} == {"full"}
    assert [row["difference"] for row in rows[5:]] == [0, 0, 0]
    assert {row["baseline_tokens"] for row in rows} == {None}


def test_schedules_are_compared_with_full_and_with_their_baseline():
    scores = {"plain": [[1.0], [0], [1], [0]], "hybrid": [[1, 0], [1, 1], [1, 1], [0, 1]]}
    schedules = {name: schedule(name, np.array(value, float), len(name)) for name, value in scores.items()}
    full = answers([1, 1, 1, 0])
    tables = Tables("mini", "made-up", DEPTH, questions(4), full, schedules=schedules)
    rows = {(row["name"], row["baseline"]): row for row in comparisons(tables, {"hybrid": "plain"}, QUICK)}
    assert set(rows) == {("hybrid", "full"), ("plain", "full"), ("hybrid", "plain")}
    assert rows["plain", "full"]["difference"] == -0.25
    row = rows["hybrid", "plain"]
    assert (row["score"], row["baseline_score"], row["difference"]) == (0.75, 0.5, 0.25)
    assert (row["tokens"], row["baseline_tokens"], row["layer"], row["keep"]) == (6, 5, None, None)
    assert row["p_holm"] == row["p_value"]
    assert rows["hybrid", "full"]["p_holm"] >= rows["hybrid", "full"]["p_value"]


def test_missing_pieces_are_absent():
    bare = Tables("mini", "made-up", DEPTH, questions(4), answers(np.ones(4)))
    assert comparisons(bare, {"a": "b"}, QUICK) == []
    lone = replace(bare, schedules={"a": schedule("a", np.ones((4, 1)))})
    assert [row["baseline"] for row in comparisons(lone, {"a": "b", "c": None}, QUICK)] == ["full"]


def test_one_image_says_nothing_about_others():
    rows = comparisons(study(count=3, per_image=3), {"hybrid": "plain"}, QUICK)
    assert all(row["low"] <= 0 <= row["high"] for row in rows)
    assert min(row["p_value"] for row in rows) > 0.05


def test_rows_fit_the_table_and_do_not_depend_on_order():
    tables = study()
    rows = comparisons(tables, {"hybrid": "plain"}, QUICK)
    table = pl.from_arrow(from_rows("comparison", rows))
    assert table.drop("layer", "keep", "baseline_tokens", "equal_tokens").null_count().sum_horizontal().item() == 0
    assert not table.select(pl.col(pl.Float64).is_nan().any()).sum_horizontal().item()
    mixed = {name: frame.sample(fraction=1, shuffle=True, seed=2) for name, frame in tables.sweeps.items()}
    assert comparisons(replace(tables, sweeps=mixed), {"hybrid": "plain"}, QUICK) == rows


def filled(frame, name, **values):
    """The frame with every column of table `name`; strings empty, numbers 0 where not given."""
    schema = TABLES[name].schema()
    blank = {"string": "", "double": 0.0, "int32": 0}
    missing = {c.name: values.get(c.name, blank.get(str(c.type))) for c in schema if c.name not in frame.columns}
    return frame.with_columns([pl.lit(value).alias(name) for name, value in missing.items()]).select(schema.names)


def test_script(tmp_path):
    """Two parts per stage in files → both tables, with sources, equal to what the library gives."""
    study_tables, curves = study(), np.random.default_rng(0).uniform(0, 0.5, (60, DEPTH))
    sweep_of_all = pl.concat(filled(frame, "sweep", strategy=name) for name, frame in study_tables.sweeps.items())
    frames = {
        "benchmark": filled(study_tables.questions, "benchmark"),
        "answers": filled(study_tables.answers, "answers"),
        "information": filled(information(curves), "information"),
        "removals": filled(removals(curves, curves), "removals"),
        "sweep": sweep_of_all,
        "schedules": filled(pl.concat(study_tables.schedules.values()), "schedules"),
    }
    metadata = {"model": {"source": "here"}, "benchmark": {"source": "there"}}
    inputs = {}
    place = {"model": "mini", "benchmark": "made-up", "strategies": "all", "schedule": "all"}
    for name, frame in frames.items():
        first = pl.col("question_id") < "q0030"
        halves = [frame] if name == "benchmark" else [frame.filter(first), frame.filter(~first)]
        for shard, half in enumerate(halves):
            path = str(tmp_path / TABLES[name].path.format(**place, shard=shard))
            write(path, name, half.to_arrow().cast(TABLES[name].schema()), metadata)
            inputs.setdefault("questions" if name == "benchmark" else name, []).append(path)
    inputs["states"] = []
    inputs["losses"] = str(tmp_path / "losses.arrow")
    write(inputs["losses"], "losses", [], metadata)
    output = {name: str(tmp_path / f"{name}.arrow") for name in ("horizon", "comparison", "findings")}
    baselines = {"hybrid": "plain", "plain": None}
    configuration = {"horizon": {"resamples": 50}, "seed": 3, "depths": {"mini": DEPTH}, "baselines": baselines}
    configuration |= {"matched": {}, "oracles": [], "tasks": {"made-up": "reading"}}
    job = SimpleNamespace(
        input=InputFiles(fromdict=inputs),
        output=OutputFiles(fromdict=output),
        params=Params(fromdict={"settings": configuration, "code": "digest"}),
        config={},
        log=[str(tmp_path / "horizon.log")],
        wildcards={},
        threads=1,
        rule="estimate_horizons",
    )
    runpy.run_path(str(SCRIPT), {"snakemake": job}, "__main__")
    chosen = Settings(resamples=50, seed=3)
    expected = comparisons(study_tables, {"hybrid": "plain"}, chosen) + selections(study_tables, (), chosen)
    assert read(output["comparison"], "comparison").to_dicts() == expected
    horizon = read(output["horizon"], "horizon")
    assert horizon["depth"].unique().to_list() == [DEPTH] and horizon["criterion"].n_unique() == 8
    claims = read(output["findings"], "findings").filter(pl.col("model").is_null(), factor=1.0)
    assert dict(claims.select("claim", "decision").iter_rows())["reading-deeper"] == "undecided"
    assert read_metadata(output["horizon"])["models"] == {"mini": metadata["model"]}
    logged = Path(job.log[0]).read_text()
    assert "mini on made-up: redundancy at 0.02 is out of reach, since 30 images show no margin below 0.101" in logged
