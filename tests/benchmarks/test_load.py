"""Loading: local folders of the hub's layout through the same code as a hub id, and what goes wrong on the way."""

import errno
import hashlib
import json
import shutil
from collections import Counter
from io import BytesIO

import polars as pl
import pyarrow as pa
import pytest
from datasets import Dataset, Features, Image, List, Value, load_dataset, load_dataset_builder
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
from fixtures import SIZES, WRITERS, picture, write, write_gqa, write_mme, write_pope, write_textvqa, write_vqa
from huggingface_hub.errors import OfflineModeIsEnabled
from PIL import Image as Pictures

from infohorizon import benchmarks, tables
from infohorizon.analysis.metrics import published
from infohorizon.benchmarks import images, sources
from infohorizon.benchmarks import load as load_module
from infohorizon.benchmarks.load import load
from infohorizon.errors import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def ids(table, column):
    return table[column].to_pylist()


# --- the tables


@pytest.mark.parametrize("name", WRITERS)
def test_every_benchmark_from_the_hubs_layout(name, tmp_path):
    questions, pictures, revision, skipped = load("mine", WRITERS[name](tmp_path / name))
    assert questions.schema == tables.TABLES["benchmark"].schema()
    assert pictures.schema == tables.TABLES["images"].schema()
    assert set(ids(questions, "image_id")) == set(ids(pictures, "image_id"))
    assert len(set(ids(pictures, "image_id"))) == pictures.num_rows
    assert {(row["width"], row["height"]) for row in pictures.to_pylist()} == set(SIZES)
    assert revision is None and skipped == []
    assert all(questions["label"].to_pylist())


def test_bytes_pass_through_and_the_image_id_is_their_hash(tmp_path):
    questions, pictures, *_ = load("mme", write_mme(tmp_path, 3))
    assert ids(pictures, "image") == [picture(seed) for seed in range(3)]
    hashes = [hashlib.sha256(picture(seed)).hexdigest()[:16] for seed in range(3)]
    assert ids(pictures, "image_id") == hashes
    assert ids(questions, "image_id") == [name for name in hashes for _ in range(2)]
    assert ids(questions, "question_id")[:3] == ["existence/0000.png#0", "existence/0000.png#1", "color/0001.png#2"]


def test_the_data_sets_own_image_id_is_kept_and_images_are_stored_once(tmp_path):
    questions, pictures, *_ = load("textvqa", write_textvqa(tmp_path, 3))
    assert ids(pictures, "image_id") == [f"{i:016x}" for i in range(3)]
    assert Counter(ids(questions, "image_id")) == {f"{i:016x}": 2 - i % 2 for i in range(3)}
    assert pictures["image"][1].as_py() == picture(101, format="JPEG")


def test_gqa_joins_its_images_by_id(tmp_path):
    questions, pictures, *_ = load("gqa", write_gqa(tmp_path, 3))
    assert ids(questions, "image_id") == ["n0", "n1", "n2"] * 2
    found = dict(zip(ids(pictures, "image_id"), ids(pictures, "image"), strict=True))
    assert found == {f"n{i}": picture(600 + i, format="JPEG") for i in range(3)}


def test_gqa_without_an_image(tmp_path):
    settings = write_gqa(tmp_path, 2)
    shutil.rmtree(tmp_path / "testdev_balanced_images")
    rows, features = (
        [{"id": "n0", "image": {"bytes": picture(0), "path": None}}],
        {"id": Value("string"), "image": Image()},
    )
    write(tmp_path, rows, features, "testdev", "testdev_balanced_images")
    with pytest.raises(UserError, match="row 1: image 'n1' is not in config 'testdev_balanced_images'"):
        load("gqa", settings)


def test_loading_twice_gives_the_same_tables(tmp_path):
    settings = write_pope(tmp_path)
    assert load("pope", settings) == load("pope", settings)


# --- limit


def test_limit_keeps_the_questions_of_an_image_together(tmp_path):
    everything = load("mme", write_mme(tmp_path, 12))
    questions, pictures, *_ = load("mme", {**write_mme(tmp_path / "again", 12), "limit": 7})
    assert questions.num_rows == 8  # whole pairs until seven are reached
    assert set(Counter(ids(questions, "image_id")).values()) == {2}
    assert pictures.num_rows == 4
    order = [row for row in everything.questions.to_pylist() if row in questions.to_pylist()]
    assert questions.to_pylist() == order  # the data set's order, the same ids


def test_limits_are_nested_deterministic_and_spread_evenly():
    names = [f"{number:03}" for number in range(200)]
    order = list(load_module._spread(names))
    assert sorted(order) == names
    chosen = {limit: sorted(order[:limit]) for limit in (1, 10, 50, 200)}
    assert set(chosen[1]) < set(chosen[10]) < set(chosen[50]) < set(chosen[200])
    positions = [int(name) for name in chosen[50]]
    gaps = [after - before for before, after in zip(positions, [*positions[1:], 200], strict=True)]
    assert max(gaps) <= 8  # twice the mean gap of 4


def test_limit_keeps_rotations_together(tmp_path):
    questions, *_ = load("mmbench", {**WRITERS["mmbench"](tmp_path, 6), "limit": 4})
    rotations = Counter(int(name) % 1_000_000 for name in ids(questions, "question_id"))
    assert all(count == 3 - base % 2 for base, count in rotations.items())


def test_metrics_are_defined_on_a_limited_set(tmp_path):
    questions, *_ = load("mme", {**write_mme(tmp_path, 8), "limit": 5})
    frame = pl.from_arrow(questions).with_columns(answer=pl.lit("Yes"), score=(pl.col("label") == "Yes").cast(float))
    assert published(benchmarks.create("mme"), frame)["accuracy", ""] == 50


# --- a user's own data


def rows_of(*seeds):
    return [{"image": {"bytes": picture(seed), "path": None}, "question": "Q", "answers": ["x"]} for seed in seeds]


OWN = Features({"image": Image(), "question": Value("string"), "answers": List(Value("string"))})


def test_json_lines_beside_images(tmp_path):
    questions, pictures, *_ = load("mine", write_vqa(tmp_path / "own"))
    assert questions.to_pylist()[0] == {
        "question_id": "0",
        "image_id": hashlib.sha256(picture(900)).hexdigest()[:16],
        "question": "What is this?",
        "hint": "",
        "options": [],
        "ocr_tokens": [],
        "label": "Blocks",
        "answers": ["Blocks", "squares", "Blocks"],
        "category": "",
    }
    assert ids(pictures, "image") == [picture(900 + i) for i in range(3)]
    by_file = load("mine", {"source": str(tmp_path / "own" / "questions.jsonl"), "task": "vqa"})
    assert by_file.questions == questions


def test_one_json_file_per_split(tmp_path):
    settings = write_vqa(tmp_path / "own")
    shutil.copy(tmp_path / "own" / "questions.jsonl", tmp_path / "own" / "more.jsonl")
    with pytest.raises(UserError, match=r"'mine': `split:` must be set; .* has more, questions"):
        load("mine", settings)
    assert load("mine", {**settings, "split": "more"}).questions.num_rows == 3


def test_metadata_of_an_image_folder(tmp_path):
    write_vqa(tmp_path / "own")
    lines = (tmp_path / "own" / "questions.jsonl").read_text().replace('"image"', '"file_name"')
    (tmp_path / "own" / "questions.jsonl").unlink()
    (tmp_path / "own" / "metadata.jsonl").write_text(lines)
    assert load("mine", {"source": str(tmp_path / "own"), "task": "vqa"}).images.num_rows == 3


@pytest.mark.parametrize("how", ["parquet", "arrow file", "saved"])
def test_parquet_and_arrow(how, tmp_path):
    dataset = Dataset.from_list(rows_of(1, 2), features=OWN)
    if how == "saved":
        dataset.save_to_disk(tmp_path / "own")
        source = tmp_path / "own"
    elif how == "parquet":
        source = tmp_path / "own.parquet"
        dataset.to_parquet(source)
    else:
        source = tmp_path / "own.arrow"
        table = dataset.data.table
        with pa.ipc.new_file(str(source), table.schema) as writer:
            writer.write_table(table)
    loaded = load("mine", {"source": str(source), "task": "vqa"})
    assert ids(loaded.images, "image") == [picture(1), picture(2)]


def test_a_column_of_encoded_bytes_will_do(tmp_path):
    Dataset.from_dict({"image": [picture(1)], "question": ["Q"], "answer": ["x"]}).to_parquet(tmp_path / "own.parquet")
    assert load("mine", {"source": str(tmp_path / "own.parquet"), "task": "vqa"}).images.num_rows == 1


# --- the hub


def test_a_hub_id_takes_the_same_road_at_its_revision(tmp_path, monkeypatch):
    write_mme(tmp_path)
    asked, loaded = [], []

    def builder(source, config, revision=None):
        asked.append((source, config, revision))
        built = load_dataset_builder(str(tmp_path))
        files = [f"hf://datasets/lmms-lab/MME@{COMMIT}/data/{number}.parquet" for number in range(2)]
        built.config.data_files = {"train": ["hf://not wanted"], "test": files}
        return built

    def dataset(kind, data_files, split):
        loaded.append((kind, data_files))
        local = sorted(map(str, tmp_path.glob("data/*.parquet")))
        return load_dataset(kind, data_files={split: local}, split=split)

    monkeypatch.setattr(sources, "load_dataset_builder", builder)
    monkeypatch.setattr(sources, "load_dataset", dataset)
    settings = {"source": "lmms-lab/MME", "split": "test", "task": "mme", "revision": "v1"}
    questions, pictures, revision, _ = load("mme", settings)
    assert asked == [("lmms-lab/MME", None, "v1")]
    assert list(loaded[0][1]) == ["test"]  # no other split is downloaded
    assert revision == COMMIT
    local = load("mme", {**settings, "source": str(tmp_path)})
    assert (questions, pictures) == (local.questions, local.images)


def full_disk():
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError as error:
        raise DatasetGenerationError("An error occurred while generating the dataset") from error


def raiser(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize(
    ("fail", "sentence"),
    [
        (raiser(ConnectionError("Couldn't reach")), "there is no folder a/b and the hub cannot be reached: check the"),
        (raiser(OfflineModeIsEnabled("offline")), "check the network and HF_HUB_OFFLINE, or set `source:` to a folder"),
        (
            raiser(type("ConnectTimeout", (type("TransportError", (Exception,), {}),), {})("as httpx has it")),
            "the hub cannot be reached",
        ),
        (
            raiser(DatasetNotFoundError("Dataset 'a/b' is a gated dataset on the Hub. You must be authenticated")),
            "a/b is gated: ask for access at https://huggingface.co/datasets/a/b, then set HF_TOKEN",
        ),
        (
            raiser(DatasetNotFoundError("Revision 'v9' doesn't exist for dataset 'a/b' on the Hub.")),
            "a/b has no revision 'v9': correct `revision:`",
        ),
        (
            raiser(DatasetNotFoundError("Dataset 'a/b' doesn't exist on the Hub or cannot be accessed.")),
            r"a/b is neither a folder here nor a data set on the hub \(private ones need HF_TOKEN\)",
        ),
        (lambda *_, **__: full_disk(), "the disk is full while a/b is loaded: free some space, or set HF_HOME"),
        (raiser(OSError("Not enough disk space. Needed: 9 GB")), "the disk is full"),
        (raiser(ValueError("odd\ndetails")), "a/b cannot be read: odd.$"),
    ],
)
def test_what_the_hub_may_say(fail, sentence, monkeypatch):
    monkeypatch.setattr(sources, "load_dataset_builder", fail)
    with pytest.raises(UserError, match=rf"^Benchmark 'mine': .*{sentence}"):
        load("mine", {"source": "a/b", "task": "mme", "split": "test", "revision": "v9"})


# --- other errors: one sentence that names what is wrong


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": "/nowhere/mme"}, "source /nowhere/mme does not exist: set it to a folder or a hub id"),
        ({"source": "nowhere"}, "source nowhere does not exist"),
        ({"config": "IMG"}, "there is no config 'IMG'; .* has default"),
        ({"split": "tset"}, "there is no split 'tset'; .* has test"),
        ({"task": "chartqa"}, "column 'type' is missing; the data set has question_id, image, question, answer, cat"),
    ],
)
def test_wrong_settings(change, sentence, tmp_path):
    with pytest.raises(UserError, match=f"^Benchmark 'mine': {sentence}"):
        load("mine", write_mme(tmp_path) | change)


def test_a_config_must_be_chosen_where_there_are_several(tmp_path):
    settings = write_gqa(tmp_path)
    del settings["config"]
    with pytest.raises(UserError, match=r"`config:` must be set; .* has testdev_balanced_instr.*, testdev_balanced_im"):
        load("gqa", settings)


def test_folders_and_files_without_data(tmp_path):
    with pytest.raises(UserError, match="holds no data files"):
        load("mine", {"source": str(tmp_path), "task": "vqa"})
    (tmp_path / "notes.odt").write_text("x")
    with pytest.raises(UserError, match=r"notes\.odt is not a data file; known endings: \.parquet, \.arrow"):
        load("mine", {"source": str(tmp_path / "notes.odt"), "task": "vqa"})
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"cut\.parquet cannot be read: Parquet file size is 4 bytes"):
        load("mine", {"source": str(tmp_path / "cut.parquet"), "task": "vqa"})


def own(tmp_path, rows, **settings):
    Dataset.from_list(rows, features=OWN).to_parquet(tmp_path / "own.parquet")
    return load("mine", {"source": str(tmp_path / "own.parquet"), "task": "vqa", **settings})


def test_an_empty_data_set(tmp_path):
    Dataset.from_list(rows_of(1), features=OWN).select([]).to_parquet(tmp_path / "own.parquet")
    with pytest.raises(UserError, match=r"split 'train' of .* is empty"):
        load("mine", {"source": str(tmp_path / "own.parquet"), "task": "vqa"})


def encoded(image, **options):
    file = BytesIO()
    image.save(file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no image", r"cannot be decoded \(it is in no image format that Pillow reads\): replace or remove it"),
        (picture(1)[:-40], "cannot be decoded"),
        (picture(1, (640, 480), "JPEG")[:-2000], "cannot be decoded .*truncated"),
        (
            encoded(Pictures.new("1", (12_000, 12_000)), format="PNG"),
            "has 12000 × 12000 pixels, more than",
        ),
        (None, "has no image"),
    ],
)
def test_images_that_cannot_be_used(data, reason, tmp_path):
    rows = rows_of(1, 2)
    rows[1]["image"] = data and {"bytes": data, "path": None}
    with pytest.raises(UserError, match=f"^Benchmark 'mine': row 1 of column 'image' {reason}"):
        own(tmp_path, rows)


def test_an_image_file_that_is_missing(tmp_path):
    settings = write_vqa(tmp_path / "own")
    (tmp_path / "own" / "images" / "1.png").unlink()
    with pytest.raises(UserError, match=r"row 1 of column 'image' names an image that cannot be read: .*images/1\.png"):
        load("mine", settings)


def test_a_column_that_holds_no_images(tmp_path):
    Dataset.from_dict({"image": [5], "question": ["Q"], "answer": ["x"]}).to_parquet(tmp_path / "own.parquet")
    with pytest.raises(UserError, match="column 'image' holds no images"):
        load("mine", {"source": str(tmp_path / "own.parquet"), "task": "vqa"})


def test_rows_that_do_not_fit(tmp_path):
    rows = rows_of(1, 2)
    rows[1]["answers"] = None
    with pytest.raises(UserError, match="row 1: there is neither `answers` nor `answer`; add one of these columns"):
        own(tmp_path, rows)
    for nothing in ([], [" "]):
        rows[1]["answers"] = nothing
        with pytest.raises(UserError, match="row 1: column 'answers' holds no answer: choose a split with answers"):
            own(tmp_path, rows)
    rows[0]["question"] = None
    with pytest.raises(UserError, match=r"row 0: column 'question' holds null where .*; row 1: column 'answers'"):
        own(tmp_path, rows)


def lines(tmp_path, *rows):
    settings = write_vqa(tmp_path / "own")
    text = "\n".join(json.dumps({"question": "Q", "answer": "x", **row}) for row in rows)
    (tmp_path / "own" / "questions.jsonl").write_text(text)
    return settings


def test_question_ids_must_be_unique(tmp_path):
    same = {"question_id": "q", "image": "images/0.png"}
    with pytest.raises(UserError, match="row 1: question id 'q' occurs twice"):
        load("mine", lines(tmp_path, same, same))


def test_an_image_id_stands_for_one_image(tmp_path):
    rows = [{"image_id": "i", "image": f"images/{number}.png"} for number in range(2)]
    with pytest.raises(UserError, match="row 1: image id 'i' is given to two different images"):
        load("mine", lines(tmp_path, *rows))


# --- decoding


def test_images_are_decoded_upright():
    sideways = Pictures.new("RGB", (8, 4), "red")
    sideways.putpixel((0, 0), (0, 0, 255))
    exif = Pictures.Exif()
    exif[0x0112] = 6  # show turned by 90° clockwise
    data = encoded(sideways, format="PNG", exif=exif)
    assert images.decode(data).size == (4, 8)
    assert images.decode(data).getpixel((3, 0)) == (0, 0, 255)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_any_mode_becomes_rgb(mode):
    data = encoded(Pictures.new(mode, (5, 3)), format="TIFF")
    assert images.decode(data).size == (5, 3)
    assert images.decode(data).mode == "RGB"
