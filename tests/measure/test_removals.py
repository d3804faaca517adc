"""The removals table's rows against the naive reference, on both architectures; invariances; verification."""

import polars as pl
import pytest
import torch

from infohorizon import tables
from infohorizon.engine import Batch
from infohorizon.measure import removals
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.reference import Drop
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.measure.verification import Verifier

NAMES, LABEL = ("delete", "zero", "mean", "text"), "yes"


def measure(case, cells, rows="auto"):
    questioner = Questioner(case.model, Batch(rows, 1, torch.device("cpu")), max_new_tokens=4)
    return run_removals(questioner, Asked("q1", case.question, LABEL, case.encoded), cells)


def every_cell(case):
    return [Cell(name, layer) for name in NAMES for layer in range(case.model.depth)]


def naive_drops(case, cell):
    kept = list(range(len(case.encoded.features))) if cell.removal == "text" else []
    return [Drop(cell.layer, kept, removal=cell.removal)]


def label_probabilities(case, drops):
    ids = case.model.label_ids(LABEL, case.question)
    assert len(ids) > 1
    each = [float(case.naive.probabilities(drops, ids[:i])[token]) for i, token in enumerate(ids)]
    return each[0], torch.tensor(each, dtype=torch.float64).prod().item()


def test_every_row_equals_naive(case64):
    cells = every_cell(case64)
    full = case64.naive.probabilities().log()
    full_first, full_whole = label_probabilities(case64, [])
    for cell, row in zip(cells, measure(case64, cells), strict=True):
        assert (row["removal"], row["layer"]) == cell
        drops = naive_drops(case64, cell)
        first, whole = label_probabilities(case64, drops)
        assert abs(row["probability"] - first) < 1e-9 and abs(row["answer_probability"] - whole) < 1e-9
        assert abs(row["full_probability"] - full_first) < 1e-9
        assert abs(row["full_answer_probability"] - full_whole) < 1e-9
        left = case64.naive.probabilities(drops).log()
        assert abs(row["divergence"] - float((left.exp() * (left - full)).sum())) < 1e-9
        ids = case64.naive.greedy(4, drops, case64.model.stop_ids)
        assert row["answer"] == case64.model.answer_text(ids)


def test_single_precision_stays_near_naive(case):
    cells = [Cell(name, layer) for name in NAMES for layer in (0, 3)]
    for cell, row in zip(cells, measure(case, cells), strict=True):
        first, whole = label_probabilities(case, naive_drops(case, cell))
        assert abs(row["probability"] - first) < 1e-4 and abs(row["answer_probability"] - whole) < 1e-4


def test_order_company_and_batch_size_change_nothing(case):
    cells = every_cell(case)
    together, backwards = measure(case, cells), measure(case, cells[::-1], rows=1)[::-1]
    (alone,) = measure(case, [cells[7]])
    for one, other in [*zip(together, backwards, strict=True), (together[7], alone)]:
        for key, value in one.items():
            assert other[key] == (pytest.approx(value, rel=1e-5, abs=1e-5) if isinstance(value, float) else value)


def test_memory_that_runs_out_halves_the_batch(case, monkeypatch):
    calm, resume, sizes = measure(case, every_cell(case)), removals.resume, []

    def short_of_memory(trace, layers, *args, **kwargs):
        sizes.append(len(layers))
        if len(layers) > 2:
            raise torch.OutOfMemoryError("injected")
        return resume(trace, layers, *args, **kwargs)

    monkeypatch.setattr(removals, "resume", short_of_memory)
    for one, other in zip(calm, measure(case, every_cell(case)), strict=True):
        assert abs(one["probability"] - other["probability"]) < 1e-5 and one["answer"] == other["answer"]
    assert max(sizes) > 2


def test_verification_finds_a_wrong_row_of_every_kind(case):
    verifier = Verifier(case.model, case.naive.model, 4, {"merging": []})
    cells = [Cell(name, layer) for name in NAMES for layer in (1, 4)]
    rows = [{"question_id": "q1", "score": 0.0, **row} for row in measure(case, cells)]
    frame = pl.from_arrow(tables.from_rows("removals", rows))
    frame = frame.with_columns(question=pl.lit(case.question), label=pl.lit(LABEL), image_id=pl.lit("i1"))

    def compare(frame):
        found = verifier.comparable("removals", frame)
        return verifier.compare("removals", found.iter_rows(named=True), {"i1": case.image})

    assert compare(frame).rows == len(cells) and not compare(frame).bad(torch.float32)
    for column in ("probability", "answer_probability"):
        assert compare(frame.with_columns(pl.col(column) + 2e-4)).bad(torch.float32)
    assert compare(frame.with_columns(answer=pl.lit("something else"))).other_answers == len(cells)
    assert compare(frame.filter(pl.col("layer") == 1).with_columns(layer=pl.lit(2))).bad(torch.float32)
