"""One cluster per session, and the undisturbed local run that its tables are compared with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import study
from slurm.cluster import Cluster, missing


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="session")
def reference(base: Path) -> study.Study:
    return study.undisturbed(base)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if reason := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
