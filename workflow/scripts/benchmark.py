"""A data set → the tables `benchmark` (questions) and `images`."""

from infohorizon import tables
from infohorizon.benchmarks.load import load
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    settings = stage.params.configuration
    loaded = load(stage.wildcards.benchmark, settings)
    source = {"source": settings["source"], "revision": loaded.revision, "task": settings["task"]}
    tables.write(stage.output.images, "images", loaded.images, stage.metadata(benchmark=source))
    tables.write(stage.output.questions, "benchmark", loaded.questions, stage.metadata(benchmark=source))


run(main, snakemake)
