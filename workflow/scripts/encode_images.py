"""Images → table `vision`: what the vision tower gives for every image of this shard."""

from functools import partial

from infohorizon import tables
from infohorizon.benchmarks.images import decode
from infohorizon.pipeline.inputs import open_model, vision_row
from infohorizon.pipeline.job import Job, run
from infohorizon.pipeline.sharding import shard_of
from infohorizon.tables import resumable as chunks

IMAGES_AT_ONCE = 8


def main(job: Job) -> None:
    model, source = open_model(job)
    images = tables.read(job.input.images, "images")
    shards, shard = job.params.configuration["shards"], int(job.wildcards.shard)
    rows = [row for row in images.iter_rows(named=True) if shard_of(row["image_id"], shards) == shard]
    batches = [rows[start : start + IMAGES_AT_ONCE] for start in range(0, len(rows), IMAGES_AT_ONCE)]
    wide = job.params.configuration["model"]["dtype"] in ("float32", "float64")

    def encode(batch: list[dict]) -> list[dict]:
        encoded = model.encode([decode(row["image"]) for row in batch])
        return [vision_row(row["image_id"], one, wide) for row, one in zip(batch, encoded, strict=True)]

    benchmark = tables.read_metadata(job.input.images)["benchmark"]
    metadata = job.metadata(model=source, benchmark=benchmark)
    chunks.write(job.output[0], "vision", batches, encode, metadata, progress=partial(job.progress, unit="batch"))


if __name__ == "__main__":
    run(main, snakemake)
