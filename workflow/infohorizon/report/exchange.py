"""What other tools read: answers as per-sample logs in the form of lmms-eval's `--log_samples`, and kept sets."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.analysis.metric_table import runs
from infohorizon.benchmarks.base import Task
from infohorizon.errors import UserError
from infohorizon.seeding import digest_of

KINDS = {"answers": "answers", "downsample": "downsample", "sweep": "strategy", "schedules": "schedule"}
KEPT = ["question_id", "strategy", "layer", "keep", "repeat", "kept"]


def samples(
    questions: pl.DataFrame, turns: Mapping[str, str], task: Task, paths: Sequence[str], stage: str
) -> Iterator[tuple[str, str]]:
    """Logs of every run of a table of answers: pairs of a file's name without its ending, and its JSON lines.

    A line is a question: doc_id (its place in the benchmark table), question_id, input (the user turn), target, resps,
    filtered_resps, doc_hash, and the metric, named and formed as lmms-eval's task of this benchmark does.

    Args:
        questions: the benchmark table.
        turns: question_id → the user turn.
        paths: of all parts of the table.
        stage: answers, downsample, sweep or schedules.
    """
    about, places = questions.to_dicts(), questions.select("question_id").with_row_index("doc_id")
    cell = ["condition", "name", "layer", "keep", "repeat"]
    for rows in _by_group(paths, stage):
        answers = runs(rows, KINDS[stage]).join(places, on="question_id").sort(*cell, "doc_id")
        for _, run in answers.group_by(cell, maintain_order=True):
            asked = [about[row["doc_id"]] | row for row in run.iter_rows(named=True)]
            lines = [_line(row, turns[row["question_id"]], task) for row in asked]
            yield _name(run.row(0, named=True)), "".join(lines)


def _by_group(paths: Sequence[str], stage: str) -> Iterator[pl.DataFrame]:
    """A table without its kept sets; a sweep, which can be large, a strategy at a time, schedules one by one.

    They come in the order of their names. For each of them all parts are read again, one at a time.
    """
    columns = [name for name in tables.TABLES[stage].columns if name != "kept"]
    group = tables.TABLES[stage].group
    if group is None:
        yield tables.read(paths, stage, columns)
        return
    names = pl.concat(tables.read(path, stage, [group]).unique() for path in paths)
    for name in names[group].unique().sort():
        yield pl.concat(tables.read(path, stage, columns).filter(pl.col(group) == name) for path in paths)


def _name(row: Mapping[str, Any]) -> str:
    """full; fastv_layer-2_keep-0.5; random_layer-2_keep-64_repeat-1; pyramiddrop; downsample_keep-0.5."""
    places = [f"{key}-{row[key]:g}" for key in ("layer", "keep") if row[key] is not None]
    places += [f"repeat-{row['repeat']}"] if row["repeat"] else []
    return "_".join([row["name"] or row["condition"], *places])


def _line(row: Mapping[str, Any], turn: str, task: Task) -> str:
    record = {
        "doc_id": row["doc_id"],
        "question_id": row["question_id"],
        "input": turn,
        "target": row["answers"][0] if len(row["answers"]) == 1 or row["options"] else str(list(row["answers"])),
        "resps": [[row["answer"]]],
        "filtered_resps": [row["answer"]],
        "doc_hash": digest_of([row[key] for key in ("question_id", "image_id", "question", "label", "answers")]),
        **task.logged(row),
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def kept_sets(paths: list[str]) -> pl.DataFrame:
    """question_id, strategy, layer, keep, repeat, kept of all parts of a sweep.

    Raises:
        UserError: the sweep did not store them.
    """
    frame = tables.read(paths, "sweep", [*KEPT, "tokens"])
    none = pl.col("kept").is_null()
    frame = frame.with_columns(kept=pl.when(none & (pl.col("tokens") == 0)).then([]).otherwise("kept"))
    if frame["kept"].null_count():
        raise UserError("the sweep stored no kept sets: set sweep.store_kept to true and run snakemake again.")
    return frame.select(KEPT)
