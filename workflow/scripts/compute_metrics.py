"""Answers of a run → tables `metrics` (the benchmarks' own metrics of every run, relative scores) and `losses`."""

from collections.abc import Mapping

import polars as pl
import pyarrow as pa

from infohorizon import benchmarks, tables
from infohorizon.analysis import observations
from infohorizon.analysis.metric_losses import loss_rows
from infohorizon.analysis.metric_table import Answered, Settings, metric_rows, relative_rows, runs
from infohorizon.analysis.reading import by_name, numbered, parts, type_of_ids
from infohorizon.pipeline.job import Job, run

ANSWER = ["question_id", "answer", "score"]
COLUMNS = {
    "answers": [*ANSWER, "condition"],
    "downsample": [*ANSWER, "keep", "tokens"],
    "sweep": [*ANSWER, "strategy", "layer", "keep", "repeat", "tokens"],
    "schedules": [*ANSWER, "schedule", "repeat", "mean_tokens"],
}


def main(job: Job) -> None:
    chosen = dict(job.params.settings)
    baselines, matched = chosen.pop("baselines"), chosen.pop("matched")
    settings, rows, losses = Settings(**chosen), [], []
    places = [tables.place(path, "answers") for path in job.input.answers]
    pairs = list(dict.fromkeys((found["model"], found["benchmark"]) for found in places))
    relative: dict[str, list[Mapping]] = {model: [] for model, _ in pairs}
    for model, benchmark in job.progress(pairs, len(pairs), "benchmark"):
        own = answered(job, model, benchmark, baselines, matched)
        found, ratios = metric_rows(own, settings)
        rows.append(tables.from_rows("metrics", found))
        losses.append(tables.from_rows("losses", loss_rows(own)))
        relative[model].append(ratios)
        del own  # before the next ones are read
    for model, found in relative.items():
        rows.append(tables.from_rows("metrics", relative_rows(model, found, settings)))
    metadata = job.metadata(**observations.sources(job.input.answers))
    tables.write(job.output.metrics, "metrics", pa.concat_tables(rows), metadata)
    tables.write(job.output.losses, "losses", pa.concat_tables(losses), metadata)


def answered(
    job: Job, model: str, benchmark: str, baselines: Mapping[str, str | None], matched: Mapping[str, str]
) -> Answered:
    """What one model answered on one benchmark, and under which protocol."""
    paths = {name: tables.matching(job.input[name], name, model=model, benchmark=benchmark) for name in COLUMNS}
    metadata = tables.read_metadata(paths["answers"][0])
    protocol = metadata["configuration"]["protocol"]
    questions = tables.read(tables.matching(job.input.questions, "benchmark", benchmark=benchmark), "benchmark")
    ids = type_of_ids(questions)
    read = {name: parts(found, name, COLUMNS[name], ids) for name, found in paths.items() if found}
    pruned, compared = [], {name: other for name, other in baselines.items() if other}
    if "downsample" in read:
        pruned.append(runs(pl.concat(read["downsample"]), "downsample"))
    if "sweep" in read:
        swept = by_name(read["sweep"], "strategy", lambda rows: rows.drop("strategy"))
        baselines_first = {"random", *matched.values()}
        order = sorted(swept, key=lambda name: (name not in baselines_first, name))
        pruned += [runs(swept[name].with_columns(strategy=pl.lit(name)), "strategy") for name in order]
        compared |= {name: matched.get(name, "random") for name in set(swept) - baselines_first - {"drop-all"}}
    if "schedules" in read:
        pruned.append(runs(pl.concat(read["schedules"]), "schedule"))
    return Answered(
        model,
        benchmark,
        benchmarks.create(metadata["configuration"]["scoring"]["benchmark"]["task"], protocol["options"]),
        numbered(questions, ids),
        runs(pl.concat(read["answers"]), "answers"),
        pruned,
        compared,
        f"{protocol['name']} {protocol['fingerprint']}",
    )


if __name__ == "__main__":
    run(main, snakemake)
