"""A data set → the tables `benchmark` (questions) and `images`."""

from infohorizon import lock, tables
from infohorizon.benchmarks.load import load
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    settings, table = stage.params.configuration, stage.output.questions
    revision = settings.get("revision") or lock.pinned(table, settings["source"])
    loaded = load(stage.wildcards.benchmark, {**settings, "revision": revision})
    if loaded.revision:
        lock.pin(table, settings["source"], loaded.revision)
    source = {"source": settings["source"], "revision": loaded.revision, "task": settings["task"]}
    tables.write(stage.output.images, "images", loaded.images, stage.metadata(benchmark=source))
    tables.write(table, "benchmark", loaded.questions, stage.metadata(benchmark=source))


run(main, snakemake)
