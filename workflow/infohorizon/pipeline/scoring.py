"""Scores of stored answers. They are no part of a cell, so that a change of a scoring rule asks no model again."""

import polars as pl
import pyarrow as pa

from infohorizon.benchmarks.base import Task
from infohorizon.pipeline.inputs import Questions


def scored(table: pa.Table, task: Task, questions: Questions) -> pa.Table:
    """A table of answers with its column `score` filled; equal answers to a question are scored once."""
    answers = pl.from_arrow(table.select(["question_id", "answer"]))
    scores: dict[tuple[str, str], float] = {}
    for question_id, answer in answers.unique().iter_rows():
        row = questions.rows[question_id]
        scores[question_id, answer] = task.score(answer, row["answers"], row["category"])
    column = pa.array([scores[pair] for pair in answers.iter_rows()], type=pa.float64())
    return table.set_column(table.schema.get_field_index("score"), table.schema.field("score"), column)
