"""What every script that asks a model has in common: the questioner, and a stored question as it is put to it."""

from collections.abc import Callable
from functools import cache

from infohorizon.measure.oracle import Oracle
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.inputs import Questions, open_batch, open_model
from infohorizon.pipeline.job import Job


def questioner_of(job: Job) -> Callable[[], Questioner]:
    """What gives the job's questioner; the model is opened at the first call, since all rows may be there already."""

    @cache
    def questioner() -> Questioner:
        model = open_model(job)
        seed = job.params.settings.get("seed", 0)
        return Questioner(model, open_batch(job, model), job.params.protocol["max_new_tokens"], seed)

    return questioner


def asker(questions: Questions, images: Images, oracle: Oracle | None = None) -> Callable[[str], Asked]:
    """question_id → the question with its image, and with the oracle's information where a strategy reads it."""

    def asked(question_id: str) -> Asked:
        row = questions.rows[question_id]
        encoded = images[row["image_id"]]
        known = oracle.scores_of(question_id, encoded.grid) if oracle else None
        return Asked(question_id, row["question"], row["label"], encoded, known)

    return asked
