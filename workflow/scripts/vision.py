"""Images → table `vision`: what the vision tower gives for every image of this shard."""

from functools import partial

from infohorizon import chunks, tables
from infohorizon.benchmarks.images import decode
from infohorizon.inputs import open_model, vision_row
from infohorizon.selection import shard_of
from infohorizon.stage import Stage, run

IMAGES_AT_ONCE = 8


def main(stage: Stage) -> None:
    model, source = open_model(stage)
    images = tables.read(stage.input.images, "images")
    shards, shard = stage.params.configuration["shards"], int(stage.wildcards.shard)
    rows = [row for row in images.iter_rows(named=True) if shard_of(row["image_id"], shards) == shard]
    batches = [rows[start : start + IMAGES_AT_ONCE] for start in range(0, len(rows), IMAGES_AT_ONCE)]
    wide = stage.params.configuration["model"]["dtype"] in ("float32", "float64")

    def encode(batch: list[dict]) -> list[dict]:
        encoded = model.encode([decode(row["image"]) for row in batch])
        return [vision_row(row["image_id"], one, wide) for row, one in zip(batch, encoded, strict=True)]

    benchmark = tables.read_metadata(stage.input.images)["benchmark"]
    metadata = stage.metadata(model=source, benchmark=benchmark)
    chunks.write(stage.output[0], "vision", batches, encode, metadata, progress=partial(stage.progress, unit="batch"))


run(main, snakemake)
