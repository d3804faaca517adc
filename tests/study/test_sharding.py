"""Selection of questions: shards partition, limits nest, and nothing depends on order or process."""

import os
import subprocess
import sys

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from infohorizon.seeding import seed_of
from infohorizon.study.sharding import SPLITS, in_split, select, shard_of


@st.composite
def benchmarks(draw: st.DrawFn) -> pl.DataFrame:
    """Questions in any order, one to four an image, ids of any text."""
    images = draw(st.lists(st.text(st.characters(codec="utf-8"), max_size=6), min_size=1, max_size=25, unique=True))
    owners = [image for image in images for _ in range(draw(st.integers(1, 4)))]
    rows = [{"question_id": str(number), "image_id": image} for number, image in enumerate(owners)]
    return pl.DataFrame(draw(st.permutations(rows)))


limits = st.none() | st.integers(1, 60)
shard_counts = st.integers(1, 7)


def ids(questions: pl.DataFrame) -> list[str]:
    return questions["question_id"].to_list()


@given(benchmarks(), limits, shard_counts)
@settings(deadline=None)
def test_shards_partition_what_one_shard_takes(questions: pl.DataFrame, limit: int | None, shards: int) -> None:
    whole = ids(select(questions, limit))
    parts = [select(questions, limit, shard, shards) for shard in range(shards)]
    assert sorted(question for part in parts for question in ids(part)) == sorted(whole)
    for shard, part in enumerate(parts):
        assert all(shard_of(image, shards) == shard for image in part["image_id"])
        assert ids(part) == [question for question in whole if question in set(ids(part))]


@given(benchmarks(), st.integers(1, 60), st.integers(0, 30), shard_counts)
@settings(deadline=None)
def test_a_smaller_limit_is_a_subset_in_every_shard(questions: pl.DataFrame, low: int, more: int, shards: int) -> None:
    for shard in range(shards):
        small, large = (set(ids(select(questions, limit, shard, shards))) for limit in (low, low + more))
        assert small <= large


@given(benchmarks(), limits)
@settings(deadline=None)
def test_whole_images_until_the_limit_is_carried(questions: pl.DataFrame, limit: int | None) -> None:
    chosen = select(questions, limit)
    taken = set(chosen["image_id"])
    assert ids(chosen) == ids(questions.filter(pl.col("image_id").is_in(list(taken))))
    if limit is None or limit >= questions.height:
        assert ids(chosen) == ids(questions)
    else:
        assert 0 <= chosen.height - limit < 4  # an image has up to four questions: only the last may exceed


@given(benchmarks(), limits, shard_counts, st.randoms())
@settings(deadline=None)
def test_the_order_of_the_table_does_not_matter(questions: pl.DataFrame, limit, shards: int, random) -> None:
    shuffled = questions[random.sample(range(questions.height), questions.height)]
    for shard in range(shards):
        assert set(ids(select(questions, limit, shard, shards))) == set(ids(select(shuffled, limit, shard, shards)))


def test_every_process_draws_and_deals_alike() -> None:
    """Known values: a change of them changes every seeded result, and says so here."""
    code = (
        "from infohorizon.study.sharding import *; from infohorizon.seeding import *; "
        "print(shard_of('image 7', 10), seed_of(0, 'q', 1, 2.5))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for hash_seed in ("0", "12345"):
        run = [sys.executable, "-c", code]
        said = subprocess.check_output(run, env=environment | {"PYTHONHASHSEED": hash_seed}, text=True).split()
        assert said == [str(shard_of("image 7", 10)), str(seed_of(0, "q", 1, 2.5))] == ["3", "6932911039223694245"]


@given(st.lists(st.tuples(st.integers(0, 3), st.text(max_size=3), st.integers(0, 3)), unique=True, max_size=30))
def test_different_draws_have_different_seeds(draws: list[tuple]) -> None:
    assert len({seed_of(*draw) for draw in draws}) == len(draws)
    assert all(0 <= seed_of(*draw) < 2**63 for draw in draws)


@given(benchmarks(), st.integers(0, 5), limits)
@settings(deadline=None)
def test_splits_never_mix_and_do_not_depend_on_what_else_there_is(
    questions: pl.DataFrame, seed: int, limit: int | None
) -> None:
    search, held_out = (in_split(questions, split, seed) for split in SPLITS)
    assert sorted(ids(search) + ids(held_out)) == sorted(ids(questions))
    assert not set(search["image_id"]) & set(held_out["image_id"])
    fewer = select(questions, limit)
    assert ids(in_split(fewer, "search", seed)) == [one for one in ids(fewer) if one in set(ids(search))]


def test_a_split_is_about_half_and_depends_on_the_seed_alone() -> None:
    questions = pl.DataFrame({"image_id": [f"image-{number}" for number in range(2000)]})
    found = [set(in_split(questions, "search", seed)["image_id"]) for seed in (0, 0, 1)]
    assert found[0] == found[1] and all(900 < len(one) < 1100 for one in found)
    assert 400 < len(found[0] & found[2]) < 600
    assert "image-1" in found[0] and "image-0" not in found[0]  # the same in every process and version
