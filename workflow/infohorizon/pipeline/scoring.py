"""Scores of stored answers. They are not part of a cell, so a change of a scoring rule asks no model again."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import polars as pl
import pyarrow as pa

from infohorizon.benchmarks.base import Task
from infohorizon.pipeline.inputs import Questions, model_record, naming, open_task
from infohorizon.pipeline.job import Job
from infohorizon.tables.resumable import Cells, Complete, Compute, fill


def fill_scored(
    job: Job,
    table: str,
    questions: Questions,
    ask: Compute,
    complete: Complete,
    columns: Mapping[str, list[Any]],
    groups: Mapping[str, str],
    more_metadata: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Fill the job's output, a table of answers, and score it.

    Args:
        table: answers, downsample, removals, sweep or schedules.
        ask: (question_id, missing keys) → rows, `score` left None, whose answers are replies.
        complete: rows with replies → rows with answers, as `Questioner.read`.
        columns: key columns beside the question, lists of one length: every question is asked with each row.
        groups: as for `Cells`.
        more_metadata: what the table's metadata holds beside what every table records.
    """
    fill(
        job.output[0],
        Cells(table, wanted=questions.cells(**columns), items=questions.digests, groups=groups),
        naming(job.wildcards.benchmark, ask, questions.rows),
        metadata=lambda: job.metadata(model=model_record(job), benchmark=questions.benchmark, **more_metadata()),
        complete=complete,
        finish=partial(scored, task=open_task(job), questions=questions),
        progress=partial(job.progress, unit="question"),
    )


def score_of(task: Task, questions: Questions) -> Callable[[str, str], float]:
    """(question_id, answer) → score."""

    def score(question_id: str, answer: str) -> float:
        row = questions.rows[question_id]
        return task.score(answer, row["answers"], row["category"])

    return score


def scored(table: pa.Table, task: Task, questions: Questions) -> pa.Table:
    """A table of answers with its column `score` filled; equal answers to a question are scored once."""
    answers, score = pl.from_arrow(table.select(["question_id", "answer"])), score_of(task, questions)
    scores = {pair: score(*pair) for pair in answers.unique().iter_rows()}
    column = pa.array([scores[pair] for pair in answers.iter_rows()], type=pa.float64())
    return table.set_column(table.schema.get_field_index("score"), table.schema.field("score"), column)
