"""`snakemake verify` reads rows of every stage by the columns that they really have."""

import math

import polars as pl
import pytest
import torch

from infohorizon import tables
from infohorizon.engine import Batch
from infohorizon.measure.downsampling import downsample
from infohorizon.measure.questioner import Asked, Questioner, Setting
from infohorizon.measure.sweep import run_sweep
from infohorizon.measure.verification import Verifier
from infohorizon.strategies import create

LABEL = "yes"


def rows_of(case, stage):
    """Rows of one question as the stage's script makes them."""
    questioner = Questioner(case.model, Batch("auto", 1, torch.device("cpu")), max_new_tokens=4)
    asked = Asked("q1", case.question, LABEL, case.encoded)
    trace, common = questioner.trace(asked), {"question_id": "q1", "score": 0.0}
    if stage == "downsample":
        found = []
        for keep in (0.3, 1000):
            encoded, (width, height) = downsample(case.model, case.image, case.encoded.grid, keep)
            smaller = Asked("q1", case.question, LABEL, encoded)
            answer = questioner.answer(questioner.trace(smaller), smaller)
            seen = {"keep": keep, "tokens": len(encoded.features), "width": width, "height": height}
            found.append(common | seen | answer)
        return found
    if stage == "sweep":
        settings = [Setting("random", layer, 3, 0) for layer in (1, 3)]
        return [common | row for row in run_sweep(questioner, trace, asked, {"random": create("random")}, settings)]
    worth = questioner.worth(trace, asked)
    conditions = {"full": questioner.answer, "blind": questioner.blind}
    return [
        common | {"condition": name, "other_spelling": False, **answer(trace, asked), **worth[name]}
        for name, answer in conditions.items()
    ]


@pytest.mark.parametrize(
    ("stage", "columns"),
    [
        ("answers", ("label_probability", "answer_probability")),
        ("sweep", ("label_probability",)),
        ("downsample", ("label_probability",)),
    ],
)
def test_verification_finds_a_wrong_row(case, stage, columns):
    verifier = Verifier(case.model, case.naive.model, 4, {"merging": [], "positions": "original"})
    frame = pl.from_arrow(tables.from_rows(stage, rows_of(case, stage)))
    frame = frame.with_columns(question=pl.lit(case.question), label=pl.lit(LABEL), image_id=pl.lit("i1"))

    def compare(frame):
        return verifier.compare(stage, verifier.comparable(stage, frame).iter_rows(named=True), {"i1": case.image})

    assert compare(frame).rows == 2 and not compare(frame).bad(torch.float32)
    for column in columns:
        off = compare(frame.with_columns(pl.col(column) + 2e-4))
        assert off.bad(torch.float32) and not off.bad(torch.bfloat16)
        one_off = frame.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(pl.col(column) + 0.08).otherwise(column))
        assert not compare(one_off).bad(torch.bfloat16) and compare(one_off).bad(torch.float16)
        assert compare(frame.with_columns(pl.col(column) + 0.06)).bad(torch.bfloat16)
        assert compare(frame.with_columns(pl.lit(math.nan).alias(column))).bad(torch.float32)
    assert compare(frame.with_columns(answer=pl.lit("something else"))).other_answers == 2
