"""What the jobs that ask about images at lower resolution have in common: all but where their keeps come from."""

from collections.abc import Sequence
from functools import lru_cache

import polars as pl

from infohorizon import tables
from infohorizon.benchmarks.images import decode
from infohorizon.measure.downsampling import Downsampled, downsample
from infohorizon.measure.questioner import Asked
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.asking import questioner_of, reading
from infohorizon.pipeline.inputs import Questions, decoding, group_digest
from infohorizon.pipeline.job import Job
from infohorizon.pipeline.scoring import fill_scored


def fill_downsampled(job: Job, questions: Questions, keeps: Sequence[int | float]) -> None:
    """Fill the job's output, a table `downsample`: every question at every keep.

    Encodings are not stored: an image's questions stand together in most data sets, and its last ones are remembered.
    """
    asked = {row["image_id"] for row in questions.rows.values()}
    images = tables.read(job.input.images, "images", ["image_id", "image"]).filter(pl.col("image_id").is_in(asked))
    data, whole = dict(images.iter_rows()), Images(job.input.vision)
    configured = {float(keep): keep for keep in keeps}

    questioner = questioner_of(job, questions)

    @lru_cache(maxsize=len(configured))
    def smaller(image_id: str, keep: float) -> Downsampled:
        image, asking = decode(data[image_id]), questioner()
        return downsample(asking.model, image, whole.grid(image_id), configured[keep], asking.batch)

    def ask(question_id: str, missing: list[dict]) -> list[dict]:
        row, rows = questions.rows[question_id], []
        for key in missing:
            encoded, (width, height) = smaller(row["image_id"], key["keep"])
            asked = Asked(question_id, row["question"], row["label"], encoded)
            answer = questioner().answer(questioner().trace(asked), asked)
            seen = {"tokens": len(encoded.features), "width": width, "height": height}
            rows.append({"question_id": question_id, **key, **seen, "score": None, **answer})
        return rows

    groups = {"": group_digest(job, job.params.settings, job.params.code, *decoding(job))}
    columns = {"keep": list(configured)}
    fill_scored(job, "downsample", questions, ask, reading(questioner), columns, groups)
