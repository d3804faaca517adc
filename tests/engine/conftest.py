"""The engine is tested on every architecture."""

import pytest

from cases import Case, make_case
from checkpoints import WRITERS


@pytest.fixture(scope="session", params=list(WRITERS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """fp32 case of each architecture."""
    return make_case(request.param, tmp_path_factory.mktemp(request.param), "float32")


@pytest.fixture(scope="session", params=list(WRITERS))
def case64(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """fp64 case of each architecture."""
    return make_case(request.param, tmp_path_factory.mktemp(request.param), "float64")
