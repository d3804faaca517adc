"""All tables of a run → the horizons and the paired comparisons."""

from collections import defaultdict
from typing import Any

import polars as pl

from infohorizon.analysis.comparisons import comparisons
from infohorizon.analysis.horizons import TESTED, Settings, horizons
from infohorizon.analysis.panels import Tables, peaks
from infohorizon.analysis.statistics import resolution
from infohorizon.pipeline.job import Job, log, run
from infohorizon.tables import read, read_metadata, write


def main(job: Job) -> None:
    configuration = job.params.configuration
    settings = Settings(**configuration["horizon"], seed=configuration["seed"])
    paths: dict[tuple[str, str], dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for key, path in zip(job.params.tables, job.input, strict=True):
        paths[key["model"], key["benchmark"]][key["stage"], key["name"]].append(path)

    rows: dict[str, list[dict[str, Any]]] = {"horizon": [], "comparison": []}
    sources: dict[str, dict[str, Any]] = {"models": {}, "benchmarks": {}}
    for (model, benchmark), files in job.progress(paths.items(), len(paths), "benchmark"):
        metadata = read_metadata(files["answers", ""][0])
        sources["models"][model] = metadata.get("model")
        sources["benchmarks"][benchmark] = metadata.get("benchmark")
        tables = load(model, benchmark, configuration["depths"][model], files)
        found = horizons(tables, settings)
        warn(tables, found, settings)
        rows["horizon"] += found
        rows["comparison"] += comparisons(tables, configuration["baselines"], settings)
    for name, table in rows.items():
        write(job.output[name], name, table, job.metadata(**sources))


def warn(tables: Tables, rows: list[dict[str, Any]], settings: Settings) -> None:
    """Say in the log which criteria so few images cannot meet, whatever the answers."""
    configured = [row for row in rows if row["criterion"] in TESTED and row["factor"] == 1]
    for criterion, threshold, images in sorted({(r["criterion"], r["threshold"], r["images"]) for r in configured}):
        finest = resolution(images, settings.confidence)
        if threshold < finest:
            log.warning(
                "%s on %s: %s at %g is out of reach, since %d images show no margin below %.3f",
                *(tables.model, tables.benchmark, criterion, threshold, images, finest),
            )


def load(model: str, benchmark: str, depth: int, files: dict[tuple[str, str], list[str]]) -> Tables:
    """Read the tables of one model on one benchmark; of the large ones only what is needed, a part at a time."""

    def by_name(table: str, column: str) -> dict[str, pl.DataFrame]:
        """Tables by strategy or schedule; a file of the sweep may hold several."""
        paths = [path for (kind, _), listed in files.items() if kind == table for path in listed]
        if not paths:
            return {}
        frame = pl.concat(read(path, table).drop("kept", "answer") for path in paths)
        return {name: one for (name,), one in frame.partition_by(column, as_dict=True, maintain_order=True).items()}

    information = [peaks(read(path, "information")) for path in files.get(("information", ""), [])]
    return Tables(
        model,
        benchmark,
        depth,
        questions=read(files["benchmarks", ""], "benchmark"),
        answers=read(files["answers", ""], "answers"),
        information=pl.concat(information) if information else None,
        sweeps=by_name("sweep", "strategy"),
        schedules=by_name("schedules", "schedule"),
    )


if __name__ == "__main__":
    run(main, snakemake)
