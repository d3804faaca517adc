"""All tables of a run → the horizons and the paired comparisons."""

from typing import Any

from infohorizon.analysis import observations
from infohorizon.analysis.comparisons import comparisons
from infohorizon.analysis.horizons import Settings, horizons, out_of_reach
from infohorizon.analysis.panels import read_tables
from infohorizon.pipeline.job import Job, log, run
from infohorizon.tables import place, write


def main(job: Job) -> None:
    configuration = job.params.settings
    settings = Settings(**configuration["horizon"], seed=configuration["seed"])
    places = [place(path, "answers") for path in job.input.answers]
    pairs = list(dict.fromkeys((found["model"], found["benchmark"]) for found in places))
    rows: dict[str, list[dict[str, Any]]] = {"horizon": [], "comparison": []}
    for model, benchmark in job.progress(pairs, len(pairs), "benchmark"):
        tables = read_tables(job.input, model, benchmark, configuration["depths"][model])
        found = horizons(tables, settings)
        for sentence in out_of_reach(found, settings):
            log.warning(sentence)
        rows["horizon"] += found
        rows["comparison"] += comparisons(tables, configuration["baselines"], settings)
    metadata = job.metadata(**observations.sources(job.input.answers))
    for name, table in rows.items():
        write(job.output[name], name, table, metadata)


if __name__ == "__main__":
    run(main, snakemake)
