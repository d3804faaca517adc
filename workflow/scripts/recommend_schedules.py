"""Candidates, choice and both splits → table `recommendation`, schedule.json of each budget, a page and a figure."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.recommendation import Settings, recommendation_rows
from infohorizon.analysis.trials import Candidate, read_trials
from infohorizon.atomic import write_text
from infohorizon.figures import style
from infohorizon.figures.recommendation import recommendation_figure
from infohorizon.pipeline.job import Job, run
from infohorizon.report.recommendation import page
from infohorizon.strategies import schedule

EVIDENCE = ("questions", "images", "mean_tokens", "loss", "low", "high")


def main(job: Job) -> None:
    chosen, model = job.params.settings, job.wildcards.model
    settings = Settings(chosen["confidence"], chosen["resamples"], chosen["seed"])
    found = [json.loads(Path(path).read_text(encoding="utf-8")) for path in (job.input.candidates, job.input.chosen)]
    candidates = [Candidate(**one) for one in found[0]["candidates"]]
    files = {name: job.input[name] for name in ("questions", "vision", "answers")}
    splits = {
        "search": {"schedules": job.input.search, "downsample": job.input.search_smaller},
        "held-out": {"schedules": job.input.held_out, "downsample": job.input.held_out_smaller},
    }
    rows = []
    for split, tried in splits.items():
        trials = read_trials({**files, **tried}, model, chosen["loss"])
        for one in found[1]["chosen"]:
            own = [candidate for candidate in candidates if candidate.budget == one["budget"]]
            rows += recommendation_rows(split, trials, own, one["roles"], settings)
    rows = [{"model": model, "unit": chosen["unit"], **row} for row in rows]
    sources = observations.sources(job.input.answers)
    tables.write(job.output.table, "recommendation", rows, job.metadata(**sources))
    table = pl.DataFrame(tables.from_rows("recommendation", rows))
    for one, path in zip(found[1]["chosen"], job.output.schedules, strict=True):
        plan = found[1]["schedules"][one["roles"]["winner"]]
        schedule.write(path, recommended(job, plan, one["budget"], table, sources["protocols"].get(model, {})))
    benchmarks = [tables.place(path, "benchmark")["benchmark"] for path in job.input.questions]
    style.save(recommendation_figure(table, benchmarks, chosen["loss"]), job.output.svg, job.output.png)
    write_text(job.output.page, page(table, chosen["loss"], Path(job.output.svg).name))


def recommended(
    job: Job, plan: Mapping[str, Any], budget: float, table: pl.DataFrame, protocols: Mapping[str, str]
) -> schedule.Schedule:
    """The winner of one budget as schedule.json holds it, with the losses that it rests on."""
    record = json.loads(Path(job.input.model).read_text(encoding="utf-8"))
    unit, loss = job.params.settings["unit"], job.params.settings["loss"]
    won = table.filter(budget=budget, role="winner")
    losses = {
        split: {
            row["benchmark"] or "mean": {key: row[key] for key in EVIDENCE}
            for row in won.filter(split=split).iter_rows(named=True)
        }
        for split in ("search", "held-out")
    }
    return schedule.Schedule(
        [schedule.configured(*one, job.params.settings["strategies"]) for one in plan["stages"]],
        plan["positions"],
        source=record["source"],
        revision=record["revision"],
        depth=record["layers"],
        protocol=protocols,
        evidence={"budget": budget, "unit": unit, "loss": loss, **losses},
    )


if __name__ == "__main__":
    run(main, snakemake)
