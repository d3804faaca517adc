"""Frames and intervals that the figures draw from."""

import math

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from figures.synthetic import DEPTH, HORIZONS, IMAGES, WINDOWS, Study
from infohorizon import tables
from infohorizon.analysis import summaries
from infohorizon.analysis.statistics import resample
from infohorizon.errors import UserError
from infohorizon.figures import style


@pytest.fixture(scope="module")
def asked(study: Study) -> pl.DataFrame:
    return summaries.questions(study.questions)


def test_information_is_reduced_per_question_and_layer(study: Study, asked: pl.DataFrame) -> None:
    frame = summaries.information(study.paths["information"], asked)
    assert frame.height == 2 * 3 * 2 * IMAGES * (DEPTH - 1)
    raw = tables.read(study.parts("information", "base", "reading"), "information")
    one = raw.filter(question_id="reading-03", layer=2)["information"].to_numpy()
    row = frame.filter(model="base", benchmark="reading", question_id="reading-03", layer=2).row(0, named=True)
    assert len(one) == WINDOWS
    assert row["largest"] == np.abs(one).max()
    assert row["spread"] == pytest.approx(one.std())
    assert row["whole_answer"] == pytest.approx(0.7 * np.abs(one).max())
    assert row["image_id"] == "image-1"


def test_repeats_are_averaged_before_anything_else(study: Study, asked: pl.DataFrame) -> None:
    frame = summaries.sweep(study.paths["sweep"], asked)
    cell = {"strategy": "random", "layer": 7, "keep": 16.0, "question_id": "reading-18"}
    raw = tables.read(study.parts("sweep", "base", "reading"), "sweep").filter(**cell)
    assert raw.height == 3 and raw["score"].n_unique() == 1
    row = frame.filter(model="base", benchmark="reading", **cell)
    assert row.height == 1 and row["score"].item() == raw["score"].mean()


def test_intervals_hold_the_mean_and_resample_images(asked: pl.DataFrame) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"model": "m", "benchmark": "b", "image_id": str(image), "cell": cell, "score": float(rng.random() < 0.5)}
        for image in range(200)
        for cell in (1, 2)
        for _ in range(2)
    ]
    frame = pl.DataFrame(rows)
    result = summaries.intervals(frame, ["cell"])
    for row in result.iter_rows(named=True):
        values = frame.filter(cell=row["cell"])["score"]
        assert row["mean"] == pytest.approx(values.mean())
        assert row["low"] < row["mean"] < row["high"]
        assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(400), rel=0.2)
        assert row["questions"] == 400
    doubled = pl.concat([frame, frame])  # the same images twice as often: no more information
    assert summaries.intervals(doubled, ["cell"]).select("low", "high").equals(result.select("low", "high"))


def test_intervals_are_those_of_written_out_resamples_also_where_a_cell_lacks_images() -> None:
    """Cell 1 has three images, cell 2 only the last: samples without it say nothing of cell 2."""
    scores = {1: {"0": [0.0, 0.2], "1": [1.0], "2": [0.5]}, 2: {"2": [0.1, 0.7]}}
    rows = [
        {"model": "m", "benchmark": "b", "image_id": image, "cell": cell, "score": score}
        for cell, images in scores.items()
        for image, values in images.items()
        for score in values
    ]
    result = summaries.intervals(pl.DataFrame(rows), ["cell"], confidence=0.8, resamples=50)
    weights = resample(3, 50, seed=0)
    for cell, images in scores.items():
        drawn = []
        for counts in weights:
            sample = [score for image in images for score in images[image] * int(counts[int(image)])]
            if sample:
                drawn.append(sum(sample) / len(sample))
        mean, *draws = drawn
        draws.sort()
        row = result.filter(cell=cell).row(0, named=True)
        # The smallest value with at least 10 % and 90 % of the draws at or below it.
        ends = [draws[math.ceil(share * len(draws) - 1e-9) - 1] for share in (0.1, 0.9)]
        assert [row["mean"], row["low"], row["high"]] == pytest.approx([mean, *ends])
    assert len(draws) < 50


def test_configured_horizons_are_one_row_per_line(study: Study) -> None:
    shown = summaries.configured(tables.read(study.horizon, "horizon"))
    assert not shown.select("model", "benchmark", "criterion", "strategy").is_duplicated().any()
    found = shown.filter(model="base", criterion="information")
    assert dict(found.select("benchmark", "layer").iter_rows()) == HORIZONS


def test_only_the_columns_asked_for_are_read_also_beside_half_precision(tmp_path) -> None:
    schema = tables.TABLES["vision"].schema()
    schema = schema.set(schema.get_field_index("features"), pa.field("features", pa.list_(pa.float16())))
    row = {"image_id": "i", "grid_height": 2, "grid_width": 3, "feature_width": 1, "features": [np.float16(1)] * 6}
    row |= {"saliency": [0.0], "key_width": 1, "keys": [0.0], "frame": [0.0, 0.0, 3.0, 2.0]}
    table = pa.Table.from_pylist([row], schema=schema)
    tables.write(tmp_path / "part-0.arrow", "vision", table, {})
    read = summaries.read(str(tmp_path / "part-0.arrow"), "vision", ["image_id", "grid_width"])
    assert read.to_dicts() == [{"image_id": "i", "grid_width": 3}]


def test_a_broken_table_is_one_sentence(tmp_path) -> None:
    (tmp_path / "part-0.arrow").write_bytes(b"ARROW1 and no more")
    with pytest.raises(UserError, match=r"part-0\.arrow is not a complete Arrow file"):
        summaries.read(str(tmp_path / "part-0.arrow"), "sweep", ["score"])
    with pytest.raises(UserError, match="does not exist"):
        summaries.read(str(tmp_path / "part-1.arrow"), "sweep", ["score"])


def test_strategies_keep_their_looks_and_unknown_ones_get_their_own() -> None:
    assert style.strategy_look("drop_all") == style.strategy_look("drop-all")
    known = [style.strategy_look(name) for name in style.STRATEGIES]
    unknown = [style.strategy_look(name, ["mine", "yours", "fastv"]) for name in ("mine", "yours")]
    assert len({*known, *unknown}) == len(style.STRATEGIES) + 2
