"""Fixtures for the conftest of every folder that disturbs studies."""

import shutil
from pathlib import Path

import pytest

from faults import study


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="session")
def reference(base: Path) -> study.Study:
    """The undisturbed run that every disturbed one is compared with; one per session, in whichever folder."""
    return study.undisturbed(base)


@pytest.fixture
def unfinished(reference: study.Study, tmp_path: Path) -> study.Study:
    """The study with one sweep still to do, and what is made from all answers."""
    twin = reference.copy(tmp_path / "study")
    for name in ("metrics", "losses", "horizon", "comparison", "findings"):
        (twin.folder / f"results/{name}.arrow").unlink()
    (twin.folder / study.PATIENT).unlink()
    shutil.rmtree((twin.folder / study.PATIENT).parent / ".cells")
    return twin
