"""One cluster per session, and the undisturbed local run that its tables are compared with."""

import os
from collections.abc import Iterator

import pytest

from faults.fixtures import base, reference, unfinished
from slurm.cluster import Cluster, missing

__all__ = ["base", "cluster", "reference", "unfinished"]


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
