"""Images → table `vision`: what the vision tower gives for every image of this shard."""

import hashlib
from functools import cache, partial

import polars as pl

from infohorizon import tables
from infohorizon.benchmarks.images import decode
from infohorizon.models.base import VisionLanguageModel
from infohorizon.models.vision_table import vision_row
from infohorizon.pipeline.inputs import group_digest, model_record, naming, open_batch, open_model
from infohorizon.pipeline.job import Job, run
from infohorizon.study.sharding import shard_of
from infohorizon.tables.resumable import Cells, fill


def main(job: Job) -> None:
    shards, shard = job.config["shards"], int(job.wildcards.shard)
    images = tables.read(job.input.images, "images", ["image_id", "image"])
    data = {name: image for name, image in images.iter_rows() if shard_of(name, shards) == shard}
    wide = model_record(job)["dtype"] in ("float32", "float64")

    @cache
    def model() -> VisionLanguageModel:
        return open_model(job)

    def encode(image_id: str, _: list[dict]) -> list[dict]:
        encoded = model().encoded([decode(data[image_id])], open_batch(job, model()))
        return [vision_row(image_id, encoded[0], wide)]

    benchmark = tables.read_metadata(job.input.images)["benchmark"]
    fill(
        job.output[0],
        Cells(
            "vision",
            wanted=pl.DataFrame({"image_id": list(data)}, schema={"image_id": pl.String}),
            items={image_id: hashlib.sha256(image).hexdigest() for image_id, image in data.items()},
            groups={"": group_digest(job, job.params.settings, job.params.code)},
        ),
        naming(job.wildcards.benchmark, encode),
        metadata=lambda: job.metadata(model=model_record(job), benchmark=benchmark),
        progress=partial(job.progress, unit="image"),
    )


if __name__ == "__main__":
    run(main, snakemake)
