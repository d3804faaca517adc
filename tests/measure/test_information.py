"""Token information against the naive reference, and its invariances."""

import pytest
import torch

from infohorizon.engine import Batch
from infohorizon.measure import information
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.questioner import Asked
from infohorizon.measure.reference import Drop
from infohorizon.measure.windows import drawn, windows

LABEL = "yes"


def measure(case, rows="auto", layers=None, only=None, **measurement):
    batch = Batch(rows, 1, torch.device("cpu"))
    layers = range(case.model.depth) if layers is None else layers
    asked = Asked("q1", case.question, LABEL, case.encoded)
    return token_information(case.model, asked, list(layers), batch, Measurement(**measurement), only)


def expected(case, drops, ids):
    """Probability of the label's first token and of the whole label, one full forward per token."""
    each = [case.naive.probabilities(drops, ids[:i])[token] for i, token in enumerate(ids)]
    return float(each[0]), float(torch.stack(each).prod())


def test_windows_cover_odd_grids_in_reading_order():
    assert [w.tolist() for w in windows((3, 3), 2)] == [[0, 1, 3, 4], [2, 5], [6, 7], [8]]
    assert [w.tolist() for w in windows((2, 3), 1)] == [[i] for i in range(6)]
    assert len(windows((24, 24), 2)) == 144


REMOVALS = ["delete", "zero", "mean", "knockout"]


@pytest.mark.parametrize(
    ("removal", "context"), [*((name, "text") for name in REMOVALS), *((name, "image") for name in REMOVALS)]
)
def test_every_layer_and_window_equals_naive(case64, removal, context):
    ids = case64.model.label_ids(LABEL)
    rows = measure(case64, removal=removal, context=context, layers=[0, 2, case64.model.depth - 1])
    parts = windows(case64.encoded.grid, 2)
    assert len(rows) == 3 * len(parts)
    everything = set(range(len(case64.encoded.features)))
    full_first, full_whole = expected(case64, [], ids)
    for row in rows[:: 4 if context == "text" else 7]:
        kept = set(parts[row["window"]].tolist())
        kept = sorted(everything - kept if context == "image" else kept)
        first, whole = expected(case64, [Drop(row["layer"], kept, "original", removal)], ids)
        text_first, text_whole = expected(case64, [Drop(row["layer"], [], removal=removal)], ids)
        assert abs(row["probability"] - first) < 1e-9
        assert abs(row["answer_probability"] - whole) < 1e-9
        assert abs(row["text_probability"] - text_first) < 1e-9
        assert abs(row["text_answer_probability"] - text_whole) < 1e-9
        gain = full_first - first if context == "image" else first - text_first
        whole_gain = full_whole - whole if context == "image" else whole - text_whole
        assert abs(row["information"] - gain) < 1e-9 and abs(row["answer_information"] - whole_gain) < 1e-9


def test_divergence_of_the_distribution_without_visual_tokens(case64):
    full = case64.naive.probabilities().log()
    for row in measure(case64)[:: len(windows(case64.encoded.grid, 2))]:
        text = case64.naive.probabilities([Drop(row["layer"], [])]).log()
        assert abs(row["text_divergence"] - float((text.exp() * (text - full)).sum())) < 1e-9


@pytest.mark.parametrize("window", [1, 2, 3])
def test_batch_size_and_layer_selection_do_not_change_values(case, window):
    together = measure(case, window=window)
    one_by_one = measure(case, rows=1, window=window)
    some = [row for row in measure(case, window=window, layers=[1, 4])]
    for a, b in zip(together, one_by_one, strict=True):
        assert all(abs(a[key] - b[key]) < 1e-5 for key in a)
    for row in some:
        same = next(r for r in together if (r["layer"], r["window"]) == (row["layer"], row["window"]))
        assert all(abs(row[key] - same[key]) < 1e-5 for key in row)


def test_some_windows_are_measured_as_all_are(case):
    for context in ("text", "image"):
        every, some = measure(case, context=context), measure(case, context=context, only=[1, 4])
        assert [(row["layer"], row["window"]) for row in some] == [
            (l, w) for l in range(case.model.depth) for w in (1, 4)
        ]
        same = [row for row in every if row["window"] in (1, 4)]
        for a, b in zip(same, some, strict=True):
            assert all(abs(a[key] - b[key]) < 1e-5 for key in a)


def test_drawn_windows_are_a_questions_own_and_fewer_a_subset_of_more():
    few, more = (drawn(144, number, "q1") for number in (5, 20))
    assert len(few) == 5 and few == sorted(few) and set(few) < set(more) and few == drawn(144, 5, "q1")
    assert more != drawn(144, 20, "q2")
    assert list(drawn(9, "all", "q1")) == list(drawn(9, 9, "q1")) == list(range(9))


def test_out_of_memory_halves_the_batch_and_changes_nothing(case, monkeypatch):
    calm = measure(case)
    resume, sizes = information.resume, []

    def short_of_memory(trace, layers, *args, **kwargs):
        sizes.append(len(layers))
        if len(layers) > 8:
            raise torch.OutOfMemoryError("injected")
        return resume(trace, layers, *args, **kwargs)

    monkeypatch.setattr(information, "resume", short_of_memory)
    tight = measure(case)
    assert max(sizes) > 8
    for a, b in zip(calm, tight, strict=True):
        assert all(abs(a[key] - b[key]) < 1e-5 for key in a)


def test_other_errors_are_not_taken_for_memory(case, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("something else")

    monkeypatch.setattr(information, "resume", broken)
    with pytest.raises(RuntimeError, match="something else"):
        measure(case)
