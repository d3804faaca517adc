"""How a benchmark's and a model's size are known: counted, from a folder, from the catalogue."""

import json

import pytest
from PIL import Image

from infohorizon import tables
from infohorizon.benchmarks.load import load
from infohorizon.errors import UserError
from infohorizon.study import catalogue, sizes
from infohorizon.study.catalogue import Size


def test_a_benchmark_that_is_not_here_is_looked_up():
    size, known = sizes.benchmark_size("mme", {"task": "mme"}, None)
    assert (size, known) == (catalogue.BENCHMARKS["mme"], "from the catalogue")
    size, _ = sizes.benchmark_size("mine", {"task": "mme", "limit": 100}, None)
    assert (size.questions, size.images) == (100, 50)
    size, known = sizes.benchmark_size("mine", {"task": "vqa", "limit": 10**6}, None)
    assert size == catalogue.UNKNOWN and known == "a guess until the table mine.arrow is there"


def test_a_benchmark_that_is_here_is_counted(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    rows = []
    for number, side in enumerate((30, 50)):
        Image.new("RGB", (side, 20)).save(folder / f"{number}.png")
        rows += [{"file_name": f"{number}.png", "question": f"what is {i}?", "answer": "x"} for i in range(2)]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    loaded = load("mine", {"source": str(folder), "split": "train", "task": "vqa"})
    here = sizes.Tables(str(tmp_path / "mine.arrow"), str(tmp_path / "mine.images.arrow"))
    tables.write(here.questions, "benchmark", loaded.questions, {})
    tables.write(here.images, "images", loaded.images, {})
    size, known = sizes.benchmark_size("mine", {"task": "vqa", "limit": 1}, here)
    assert known == "counted"
    assert size == Size(4, 2, (30 * 20 + 50 * 20) // 2, catalogue.UNKNOWN.text, catalogue.UNKNOWN.answer)


def test_geometry_from_a_folder_and_from_the_catalogue(tmp_path):
    config = catalogue.MODELS["Qwen/Qwen2.5-VL-3B-Instruct"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    shape = sizes.model_geometry("mine", {"source": str(tmp_path)})
    assert shape == sizes.model_geometry("qwen", {"source": "Qwen/Qwen2.5-VL-3B-Instruct"})
    assert shape.layers == 36


def test_a_model_of_unknown_size_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"^models.mine: the size of owner/name is not known before .* a folder\.$"):
        sizes.model_geometry("mine", {"source": "owner/name"})
    config = catalogue.MODELS["Qwen/Qwen2.5-VL-3B-Instruct"]
    (tmp_path / "config.json").write_text(json.dumps({**config, "vision_config": {}}))
    with pytest.raises(UserError, match=r"^models.mine: config.json of .* lacks 'hidden_size', so its"):
        sizes.model_geometry("mine", {"source": str(tmp_path)})
