"""Sampled rows of every stage that asks the model → their largest differences from the naive reference, as JSON.

Rows of merging strategies are left out: the reference knows dropping alone. In float32 a difference of more than 1e-4
in probability, or another greedy answer, fails the job; in 16 bit both are only reported.
"""

import json
import os
from pathlib import Path

import polars as pl
import torch
from transformers import AutoModelForImageTextToText

from infohorizon import benchmarks, tables
from infohorizon.benchmarks.images import decode
from infohorizon.errors import UserError
from infohorizon.measure.information import windows
from infohorizon.measure.reference import Drop, Naive
from infohorizon.models.hub import is_local
from infohorizon.pipeline.inputs import open_model
from infohorizon.pipeline.job import Job, log, run

ROWS = 12  # per table: a full forward pass or more each
TOLERANCE = 1e-4


def main(job: Job) -> None:
    settings = job.params.configuration
    model, record = open_model(job)
    where = {"pretrained_model_name_or_path": record["source"], "revision": record["revision"]}
    if is_local(record["source"]):
        where = {"pretrained_model_name_or_path": Path(record["source"]).expanduser()}
    reference = AutoModelForImageTextToText.from_pretrained(**where, dtype=model.dtype, attn_implementation="eager")
    reference = reference.to(model.device).eval()
    task = benchmarks.create(settings["benchmark"]["task"], settings["benchmark"].get("options"))
    questions = tables.read(job.input.questions, "benchmark")
    images = tables.read(job.input.images, "images")
    report: dict[str, dict] = {}

    for name in ("answers", "information", "sweep", "schedules"):
        frame = comparable(name, job.input.get(name), settings)
        frame = frame.sample(min(ROWS, len(frame)), seed=settings["seed"]).join(
            questions.select("question_id", "question", "label", "image_id"), on="question_id"
        )
        if frame.is_empty():
            log.warning("%s: no row to compare (sweep.store_kept is false, or nothing was run)", name)
        worst, other_answers = 0.0, 0
        for row in job.progress(frame.iter_rows(named=True), len(frame), "row"):
            picture = decode(images.filter(pl.col("image_id") == row["image_id"])["image"][0])
            naive = Naive.of(model, reference, picture, row["question"])
            label = model.label_ids(row["label"])
            drops = drops_of(name, row, naive, settings)
            probability = float(naive.probabilities(drops)[label[0]])
            worst = max(worst, abs(probability - row["probability" if name == "information" else "label_probability"]))
            if name != "information":
                ids = naive.greedy(task.max_new_tokens, drops, model.stop_ids)
                other_answers += model.answer_text(ids) != row["answer"]
        report[name] = {"rows": len(frame), "largest_difference": worst, "other_answers": other_answers}
        log.info("%s: %s", name, report[name])

    bad = [name for name, found in report.items() if found["largest_difference"] > TOLERANCE or found["other_answers"]]
    if bad and model.dtype in (torch.float32, torch.float64):
        raise UserError(f"{', '.join(bad)} of {job.wildcards.model} differ from the naive reference: {report}.")
    target = Path(job.output[0])
    summary = {"model": job.wildcards.model, "benchmark": job.wildcards.benchmark, **report}
    target.with_suffix(".tmp").write_text(json.dumps(summary) + "\n")
    os.replace(target.with_suffix(".tmp"), target)


def comparable(name: str, paths: str | list[str] | None, settings: dict) -> pl.DataFrame:
    """The rows of a table that dropping tokens explains."""
    if not paths:
        return pl.DataFrame(schema={"question_id": pl.String})
    frame = tables.read([paths] if isinstance(paths, str) else paths, name)
    if name == "sweep":
        none_kept = pl.col("kept").fill_null(pl.lit([], dtype=frame.schema["kept"])).alias("kept")
        frame = frame.with_columns(pl.when(tokens=0).then(none_kept).otherwise("kept"))
        return frame.filter(pl.col("kept").is_not_null(), ~pl.col("strategy").is_in(settings["merging"]))
    if name == "schedules":
        merging = [
            schedule
            for schedule, plan in settings["schedules"].items()
            if {strategy for _, strategy, _ in plan["stages"]} & set(settings["merging"])
        ]
        return frame.filter(pl.col("kept").is_not_null(), ~pl.col("schedule").is_in(merging))
    return frame


def drops_of(name: str, row: dict, naive: Naive, settings: dict) -> list[Drop]:
    """What was dropped behind one row of a table."""
    if name == "answers":
        return [] if row["condition"] == "full" else [Drop(0, [])]
    if name == "sweep":
        return [Drop(row["layer"], row["kept"], settings["positions"])]
    if name == "schedules":
        plan = settings["schedules"][row["schedule"]]
        layers = [layer for layer, _, _ in plan["stages"]]
        return [Drop(layer, kept, plan["positions"]) for layer, kept in zip(layers, row["kept"], strict=True)]
    information = settings["information"]
    window = windows(naive.grid, information["window"])[row["window"]].tolist()
    if information["context"] == "image":
        window = sorted(set(range(len(naive.visual))) - set(window))
    return [Drop(row["layer"], window, information["positions"], information["removal"] == "zero")]


if __name__ == "__main__":
    run(main, snakemake)
