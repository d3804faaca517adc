"""A data set → the tables `benchmark` (questions) and `images`."""

from infohorizon import tables
from infohorizon.benchmarks.load import load
from infohorizon.pipeline import pins
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    settings, table = job.params.settings, job.output.questions
    revision = settings.get("revision") or pins.pinned(table, settings["source"])
    drawn = job.input.get("rendered")  # a folder that this project drew
    where = {"source": drawn[0] if drawn else settings["source"], "revision": revision}
    loaded = load(job.wildcards.benchmark, {**settings, **where})
    if loaded.revision:
        pins.pin(table, settings["source"], loaded.revision)
    source = {"source": settings["source"], "revision": loaded.revision, "task": settings["task"]}
    source |= {"skipped": loaded.skipped} if loaded.skipped else {}
    tables.write(job.output.images, "images", loaded.images, job.metadata(benchmark=source))
    tables.write(table, "benchmark", loaded.questions, job.metadata(benchmark=source))


if __name__ == "__main__":
    run(main, snakemake)
