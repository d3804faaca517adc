"""The synthetic study, written once."""

from pathlib import Path

import pytest

from figures import synthetic


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> synthetic.Study:
    return synthetic.make(Path(tmp_path_factory.mktemp("study")))
