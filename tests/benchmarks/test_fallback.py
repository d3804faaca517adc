"""A data set that moved on the hub: its other name is read, said in the log, and recorded."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from datasets import load_dataset_builder
from datasets.exceptions import DatasetNotFoundError
from fixtures import write_mme

from infohorizon import tables
from infohorizon.benchmarks import sources
from infohorizon.pipeline.job import Job

SCRIPT = Path(__file__).resolve().parents[2] / "workflow/scripts/build_benchmark.py"


class Named(dict):
    __getattr__ = dict.__getitem__


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Runs the script on a hub that knows `new/MME` or not, and gives the record of the table it writes."""
    folder = tmp_path / "data"
    write_mme(folder)

    def run(known, **settings):
        def builder(source, config, revision=None):
            if source not in known:
                raise DatasetNotFoundError(f"Dataset '{source}' doesn't exist on the Hub or cannot be accessed.")
            return load_dataset_builder(str(folder))

        monkeypatch.setattr(sources, "load_dataset_builder", builder)
        output = Named(questions=str(tmp_path / "b.arrow"), images=str(tmp_path / "b.images.arrow"))
        params = Named(settings={"task": "mme", "split": "test", **settings})
        job = SimpleNamespace(
            input=Named(), output=output, params=params, config={}, threads=1, rule="build_benchmark", log=[],
            wildcards=SimpleNamespace(benchmark="mme"),
        )  # fmt: skip
        runpy.run_path(str(SCRIPT))["main"](Job(job))
        return tables.read_metadata(output.questions)["benchmark"]["source"]

    return run


def test_the_new_name_is_read_where_it_is_there(build):
    assert build({"new/MME"}, source="new/MME", fallback="old/MME") == "new/MME"


def test_the_old_name_is_read_where_it_is_not(build, caplog):
    assert build({"old/MME"}, source="new/MME", fallback="old/MME") == "old/MME"
    assert "new/MME is not on the hub: old/MME is read instead" in caplog.text
    assert "old/MME: 8 questions, where the data set that is usually published has 2374" in caplog.text


def test_without_another_name_it_is_one_sentence(build):
    with pytest.raises(sources.NoSuchDataSet, match="new/MME is neither a folder here nor a data set on the hub"):
        build({"old/MME"}, source="new/MME")
