"""Every error of an item says which: benchmark, question and image; and the log says why."""

import logging
from types import SimpleNamespace

import pytest

from infohorizon.errors import UserError
from infohorizon.pipeline.inputs import naming
from infohorizon.pipeline.job import run


def failing(error):
    def compute(item, missing):
        raise error

    return compute


@pytest.mark.parametrize(
    ("error", "rows", "sentence"),
    [
        (UserError("too long."), {"q1": {"image_id": "i7"}}, "mme, question q1, image i7: too long."),
        (ValueError("ratio"), {"q1": {"image_id": "i7"}}, "mme, question q1, image i7: ValueError: ratio"),
        (ValueError("ratio"), None, "mme, image q1: ValueError: ratio"),
    ],
)
def test_items_are_named(error, rows, sentence):
    with pytest.raises(UserError) as caught:
        naming("mme", failing(error), rows)("q1", [])
    assert str(caught.value) == sentence and caught.value.__cause__ is error


def test_the_log_says_why(tmp_path):
    def main(job):
        try:
            raise ValueError("deep")
        except ValueError as error:
            raise UserError("one sentence.") from error

    empty = dict.fromkeys(("input", "output", "params", "config", "wildcards", "threads"))
    snakemake = SimpleNamespace(**empty, rule="answers", log=[str(tmp_path / "log")])
    before = logging.root.handlers[:]
    try:
        with pytest.raises(SystemExit, match=r"answers: one sentence\."):
            run(main, snakemake)
    finally:
        logging.root.handlers[:] = before
    text = (tmp_path / "log").read_text()
    assert "one sentence." in text and "because of ValueError: deep" in text and "Traceback" not in text
