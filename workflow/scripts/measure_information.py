"""Questions → table `information`: the label's probability with one window of visual tokens left, per layer."""

from collections import defaultdict
from functools import cache, partial
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.engine import Batch
from infohorizon.measure.floor import in_float32, rounding_floor
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.windows import drawn, windows
from infohorizon.models.base import VisionLanguageModel
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.asking import asker
from infohorizon.pipeline.inputs import group_digest, model_record, naming, open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, log, run
from infohorizon.pipeline.rounding import rounding_metadata
from infohorizon.tables.resumable import Cells, fill


def main(job: Job) -> None:
    measurement, chosen = Measurement(**job.params.settings["information"]), job.params.cells
    questions, images = open_questions(job, chosen["limit"]), Images(job.input.vision)
    layers, asked = list(chosen["layers"]), asker(questions, images)
    groups = {"": group_digest(job, job.params.settings, job.params.code)}

    @cache
    def model() -> VisionLanguageModel:
        return open_model(job)

    @cache
    def batch() -> Batch:
        return open_batch(job, model())

    def measured_windows(question_id: str, image_id: str) -> list[int]:
        return list(drawn(len(windows(images.grid(image_id), measurement.window)), chosen["windows"], question_id))

    def measure(question_id: str, missing: list[dict]) -> list[dict]:
        rows = []
        for only, at in rectangles(missing):
            rows += token_information(model(), asked(question_id), at, batch(), measurement, only)
        return [{"question_id": question_id, **one} for one in rows]

    def floor(few: list[str]) -> dict[str, list[float]] | None:
        if (wide := in_float32(model())) is None:
            return None
        rms = rounding_floor((model(), wide), [asked(name) for name in few], layers, batch(), measurement)
        log.info("rounding floor of %s: %.2g at most", model().dtype, max(rms))
        return {"rms": rms}

    fill(
        job.output[0],
        Cells(
            "information",
            wanted=wanted(questions.rows, measured_windows, layers),
            items=questions.digests,
            groups=groups,
        ),
        naming(job.wildcards.benchmark, measure, questions.rows),
        metadata=lambda: job.metadata(
            model=model_record(job),
            benchmark=questions.benchmark,
            **rounding_metadata(job, questions, groups, layers, floor),
        ),
        progress=partial(job.progress, unit="question"),
    )


def wanted(rows: dict[str, dict], measured_windows: Any, layers: list[int]) -> pl.DataFrame:
    """question_id, layer, window of every cell; windows may differ between questions."""
    listed = {
        "question_id": list(rows),
        "window": [measured_windows(question_id, row["image_id"]) for question_id, row in rows.items()],
    }
    frame = pl.DataFrame(listed, schema={"question_id": pl.String, "window": pl.List(pl.Int32)})
    at = pl.DataFrame({"layer": layers}, schema={"layer": pl.Int32})
    return (
        frame.join(at, how="cross", maintain_order="left_right")
        .explode("window")
        .select(*tables.TABLES["information"].key)
    )


def rectangles(missing: list[dict]) -> list[tuple[list[int], list[int]]]:
    """Missing cells as (windows, layers) that are measured together: layers that lack the same windows."""
    lacking: dict[int, list[int]] = defaultdict(list)
    for key in missing:
        lacking[key["layer"]].append(key["window"])
    together: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for layer, lacks in lacking.items():
        together[tuple(sorted(lacks))].append(layer)
    return [(list(only), sorted(at)) for only, at in together.items()]


if __name__ == "__main__":
    run(main, snakemake)
