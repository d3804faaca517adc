"""Sampled rows of every stage that asks the model → their largest differences from the naive reference, as JSON.

In float32 a difference of more than 1e-4 in probability, or another greedy answer, fails the job. In 16 bit, where
rounding moves single rows further, the mean over a table's rows does, and other answers are only reported.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image
from transformers import AutoModelForImageTextToText

from infohorizon import tables
from infohorizon.atomic import write_text
from infohorizon.benchmarks.images import decode
from infohorizon.errors import UserError
from infohorizon.measure.verification import STAGES, Verifier
from infohorizon.models.base import VisionLanguageModel
from infohorizon.pipeline.asking import settling
from infohorizon.pipeline.inputs import asked, open_model
from infohorizon.pipeline.job import Job, log, run

ROWS = 12  # per table: a full forward pass or more each


def main(job: Job) -> None:
    settings, model = job.params.settings, open_model(job)
    questions = asked(job, tables.read(job.input.questions, "benchmark"))
    settled = settling(job, {row["question_id"]: row for row in questions.iter_rows(named=True)})
    limit = job.params.protocol["max_new_tokens"]
    verifier = Verifier(model, reference(job, model), limit, settings, settled)
    questions = questions.select("question_id", "question", "label", "image_id")
    report: dict[str, dict[str, Any]] = {}
    bad = []
    for stage in STAGES:
        paths = job.input.get(stage, [])
        if not paths:
            continue
        frame = verifier.comparable(stage, tables.read(paths, stage))
        frame = frame.sample(min(ROWS, len(frame)), seed=settings["seed"]).join(questions, on="question_id")
        if frame.is_empty():
            log.warning("%s: no row to compare, since sweep.store_kept is false", stage)
        rows = job.progress(frame.iter_rows(named=True), len(frame), "row")
        found = verifier.compare(stage, rows, pictures(job.input.images, frame))
        report[stage] = asdict(found)
        bad += [stage] if found.bad(model.dtype) else []
        log.info("%s: %s", stage, report[stage])
    if bad:
        raise UserError(f"{', '.join(bad)} of {job.wildcards.model} differ from the naive reference: {report}.")
    summary = {"model": job.wildcards.model, "benchmark": job.wildcards.benchmark, **report}
    write_text(job.output[0], json.dumps(summary) + "\n")


def reference(job: Job, model: VisionLanguageModel) -> Any:
    """The model's weights once more, with transformers' own attention."""
    record = json.loads(Path(job.input.model).read_text(encoding="utf-8"))
    loaded = AutoModelForImageTextToText.from_pretrained(
        record["folder"] or record["source"],
        revision=record["commit"],
        dtype=model.dtype,
        attn_implementation="eager",
    )
    return loaded.to(model.device).eval()


def pictures(path: str, frame: pl.DataFrame) -> Mapping[str, Image.Image]:
    """The images that rows are about."""
    images = tables.read(path, "images").filter(pl.col("image_id").is_in(frame["image_id"].to_list()))
    return {image_id: decode(data) for image_id, data in images.select("image_id", "image").iter_rows()}


if __name__ == "__main__":
    run(main, snakemake)
