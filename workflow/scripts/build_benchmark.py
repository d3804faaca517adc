"""A data set → the tables `benchmark` (questions) and `images`."""

from infohorizon import benchmarks, tables
from infohorizon.benchmarks.load import Benchmark, load
from infohorizon.benchmarks.protocols import fingerprint
from infohorizon.benchmarks.sources import NoSuchDataSet
from infohorizon.pipeline import pins
from infohorizon.pipeline.job import Job, log, run
from infohorizon.study.catalogue import unlike


def main(job: Job) -> None:
    settings, table = job.params.settings, job.output.questions
    name, drawn = settings["source"], job.input.get("rendered")  # a folder that this project drew

    def loaded_from(source: str) -> Benchmark:
        revision = settings.get("revision") or pins.pinned(table, source)
        where = {"source": drawn[0] if drawn else source, "revision": revision}
        return load(job.wildcards.benchmark, {**settings, **where})

    try:
        loaded = loaded_from(name)
    except NoSuchDataSet:
        if "fallback" not in settings:
            raise
        name = settings["fallback"]
        log.warning("%s is not on the hub: %s is read instead", settings["source"], name)
        loaded = loaded_from(name)
    if loaded.revision:
        pins.pin(table, name, loaded.revision)
    if sentence := unlike(settings["task"], loaded.questions.num_rows, settings.get("limit")):
        log.warning("%s: %s", name, sentence)
    source = {"source": name, "revision": loaded.revision, "task": settings["task"]}
    source |= {"skipped": loaded.skipped} if loaded.skipped else {}
    options = benchmarks.create(settings["task"], settings.get("options")).options
    options = {name: value for name, value in options.items() if name != "scorer"}  # protocols differ in it
    source |= {"protocol": {"options": options, "fingerprint": fingerprint(options)}}
    tables.write(job.output.images, "images", loaded.images, job.metadata(benchmark=source))
    tables.write(table, "benchmark", loaded.questions, job.metadata(benchmark=source))


if __name__ == "__main__":
    run(main, snakemake)
