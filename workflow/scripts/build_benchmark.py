"""A data set → the tables `benchmark` (questions) and `images`."""

from infohorizon import tables
from infohorizon.benchmarks.load import load
from infohorizon.pipeline import pins as lock
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    settings, table = job.params.settings, job.output.questions
    revision = settings.get("revision") or lock.pinned(table, settings["source"])
    loaded = load(job.wildcards.benchmark, {**settings, "revision": revision})
    if loaded.revision:
        lock.pin(table, settings["source"], loaded.revision)
    source = {"source": settings["source"], "revision": loaded.revision, "task": settings["task"]}
    source |= {"skipped": loaded.skipped} if loaded.skipped else {}
    tables.write(job.output.images, "images", loaded.images, job.metadata(benchmark=source))
    tables.write(table, "benchmark", loaded.questions, job.metadata(benchmark=source))


if __name__ == "__main__":
    run(main, snakemake)
