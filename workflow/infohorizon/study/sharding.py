"""Which questions a job works on: a split, a limit and a shard, stable under reordering and under each other."""

import hashlib
from zlib import crc32

import polars as pl

from infohorizon.seeding import seed_of

SPLITS = ("search", "held-out")
"""What is chosen on questions of the first is judged on those of the second."""


def select(questions: pl.DataFrame, limit: int | None = None, shard: int = 0, shards: int = 1) -> pl.DataFrame:
    """Rows of the benchmark table for one shard of a limited selection, in the table's order.

    Whole images are taken (their questions may be scored together), in the order of a hash of their ids, until they
    carry `limit` questions: so a smaller limit is a subset of a larger one, spread over the data set.
    """
    if limit is not None:
        sizes = questions.group_by("image_id", maintain_order=True).len()
        rank = [hashlib.sha256(image.encode()).digest() for image in sizes["image_id"]]
        sizes = sizes.with_columns(pl.Series("rank", rank)).sort("rank")
        chosen = sizes.filter(pl.col("len").cum_sum() - pl.col("len") < limit)["image_id"]
        questions = questions.filter(pl.col("image_id").is_in(chosen.implode()))
    return questions.filter(
        pl.Series([shard_of(image, shards) == shard for image in questions["image_id"]], dtype=pl.Boolean)
    )


def shard_of(image_id: str, shards: int) -> int:
    """The shard an image and all its questions belong to."""
    return crc32(image_id.encode()) % shards


def in_split(questions: pl.DataFrame, split: str, seed: int) -> pl.DataFrame:
    """Rows of the benchmark table in one of the SPLITS, each about half of the images, in the table's order.

    An image and all its questions belong to one split, whatever else the table holds.
    """
    own = [SPLITS[seed_of("split", seed, image) % len(SPLITS)] == split for image in questions["image_id"]]
    return questions.filter(pl.Series(own, dtype=pl.Boolean))
