"""What users bring, as files: a folder with one image and a file of questions about it."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import datasets
import pytest
from PIL import Image

from infohorizon.benchmarks.load import Benchmark, load


@pytest.fixture(autouse=True, scope="session")
def separate_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep `datasets` away from the user's cache, and quiet."""
    datasets.disable_progress_bars()
    before = datasets.config.HF_DATASETS_CACHE
    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("datasets")
    yield
    datasets.config.HF_DATASETS_CACHE = before


def png(colour: str = "red", size: tuple[int, int] = (8, 6)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., Benchmark]:
    """bring(content, name="q.jsonl", task="vqa", **settings): load a folder that holds i.png, j.png and this file."""

    def bring(content: str | bytes, name: str = "q.jsonl", task: str = "vqa", **settings) -> Benchmark:
        folder = tmp_path / "own"
        folder.mkdir(exist_ok=True)
        (folder / "i.png").write_bytes(png())
        (folder / "j.png").write_bytes(png("blue"))
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return load("mine", {"source": str(folder), "task": task, **settings})

    return bring
