"""What only counts or measures images leaves their bytes on the disk, which may be gigabytes."""

import pytest

from infohorizon import tables
from infohorizon.study.catalogue import BENCHMARKS
from infohorizon.study.preflight import read_data
from infohorizon.study.sizes import Tables, benchmark_size
from infohorizon.tables import files


@pytest.fixture
def here(tmp_path):
    """Two images, and a question about one."""
    paths = Tables(str(tmp_path / "b.arrow"), str(tmp_path / "b.images.arrow"))
    null = dict.fromkeys(tables.TABLES["benchmark"].columns)
    images = [{"image_id": f"i{side}", "image": b"x", "width": side, "height": 10} for side in (20, 40)]
    tables.write(paths.questions, "benchmark", [null | {"question_id": "q", "image_id": "i20"}], {})
    tables.write(paths.images, "images", images, {})
    return paths


@pytest.fixture
def columns(monkeypatch):
    """Table → the columns that were read of it."""
    found, read = {}, files.read_arrow

    def reading(path, name, wanted=None):
        table = read(path, name, wanted)
        found[name] = table.column_names
        return table

    monkeypatch.setattr(files, "read_arrow", reading)
    return found


def test_the_check_reads_the_sizes_of_images(here, columns):
    data = read_data(here.questions, here.images)
    assert data.sizes == {"i20": (20, 10), "i40": (40, 10)} and data.questions[0]["question_id"] == "q"
    assert columns["images"] == ["image_id", "width", "height"]


def test_the_plan_reads_the_sizes_of_images_and_counts_questions(here, columns):
    size, _ = benchmark_size("b", {"task": "mme"}, here)
    assert size == BENCHMARKS["mme"]._replace(questions=1, images=2, pixels=300)
    assert columns == {"images": ["width", "height"], "benchmark": ["question_id"]}
