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
    """The study with one sweep and the horizons still to do."""
    twin = reference.copy(tmp_path / "study")
    for table in (study.PATIENT, "results/horizon.arrow", "results/comparison.arrow"):
        (twin.folder / table).unlink()
    shutil.rmtree((twin.folder / study.PATIENT).parent / ".cells")
    return twin
