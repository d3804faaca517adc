"""What every script that asks a model has in common: the questioner, and a stored question as it is put to it."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from infohorizon.measure.oracle import Oracle
from infohorizon.measure.questioner import Asked, Questioner, Settled
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.inputs import Questions, open_batch, open_model, open_task
from infohorizon.pipeline.job import Job
from infohorizon.tables.resumable import Complete

HALF = "\ufffd"  # in a text whose last token is a part of a character: another one follows


def questioner_of(job: Job, questions: Questions) -> Callable[[], Questioner]:
    """What gives the job's questioner; the model is opened at the first call, since all rows may be there already.

    Its answers are replies until they are read, which happens whenever rows are stored.
    """

    @cache
    def questioner() -> Questioner:
        model = open_model(job)
        seed = job.params.settings.get("seed", 0)
        limit, rows = job.params.protocol["max_new_tokens"], questions.rows
        return Questioner(model, open_batch(job, model), limit, seed, settling(job, rows), together=True)

    return questioner


def reading(questioner: Callable[[], Questioner]) -> Complete:
    """What completes rows of replies with the job's questioner."""
    return lambda rows: questioner().read(rows)


def settling(job: Job, rows: Mapping[str, Mapping[str, Any]]) -> Settled | None:
    """When answers end before their end, by the job's protocol; None: never.

    Args:
        rows: question_id → its row of the benchmark table.
    """
    if job.params.protocol["stop"] == "end":
        return None
    task = open_task(job)
    return lambda question_id, answer: HALF not in answer and task.settled(answer, rows[question_id]["answers"])


def asker(questions: Questions, images: Images, oracle: Oracle | None = None) -> Callable[[str], Asked]:
    """question_id → the question with its image, and with the oracle's information where a strategy reads it."""

    def asked(question_id: str) -> Asked:
        row = questions.rows[question_id]
        encoded = images[row["image_id"]]
        known = oracle.scores_of(question_id, encoded.grid) if oracle else None
        return Asked(question_id, row["question"], row["label"], encoded, known)

    return asked
