"""Questions → table `information`: the label's probability with one window of visual tokens left, per layer."""

from collections import defaultdict
from functools import cache, partial
from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.engine import Batch
from infohorizon.measure.floor import in_float32, rounding_floor
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.questioner import Asked
from infohorizon.measure.windows import drawn, windows
from infohorizon.models.base import VisionLanguageModel
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.inputs import group_digest, model_record, naming, open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, log, run
from infohorizon.tables.resumable import Cells, fill, finished

SIXTEEN_BIT = ("float16", "bfloat16")


def main(job: Job) -> None:
    measurement, chosen = Measurement(**job.params.settings["information"]), job.params.cells
    questions, images = open_questions(job, chosen["limit"]), Images(job.input.vision)
    layers = list(chosen["layers"])
    groups = {"": group_digest(job, job.params.settings, job.params.code)}

    @cache
    def model() -> VisionLanguageModel:
        return open_model(job)

    @cache
    def batch() -> Batch:
        return open_batch(job, model())

    def measured_windows(question_id: str, image_id: str) -> list[int]:
        return list(drawn(len(windows(images.grid(image_id), measurement.window)), chosen["windows"], question_id))

    def asked(question_id: str) -> Asked:
        row = questions.rows[question_id]
        return Asked(question_id, row["question"], row["label"], images[row["image_id"]])

    def measure(question_id: str, missing: list[dict]) -> list[dict]:
        rows = []
        for only, at in rectangles(missing):
            rows += token_information(model(), asked(question_id), at, batch(), measurement, only)
        return [{"question_id": question_id, **one} for one in rows]

    def floor() -> dict[str, Any]:
        """The rounding floor of a 16-bit model on the first questions, in the first shard's table."""
        few = list(questions.rows)[: chosen["floor_questions"]] if job.wildcards.shard == "0" else []
        if not few or job.params.settings["model"]["dtype"] not in SIXTEEN_BIT:
            return {}
        known = recorded_floor(job.output[0], groups, {name: questions.digests[name] for name in few}, layers)
        if known is None and (wide := in_float32(model())) is not None:
            rms = rounding_floor((model(), wide), [asked(name) for name in few], layers, batch(), measurement)
            log.info("rounding floor of %s: %.2g at most", model().dtype, max(rms))
            known = {"questions": few, "layers": layers, "rms": rms}
        return {"rounding_floor": known} if known else {}

    fill(
        job.output[0],
        Cells(
            "information",
            wanted=wanted(questions.rows, measured_windows, layers),
            items=questions.digests,
            groups=groups,
        ),
        naming(job.wildcards.benchmark, measure, questions.rows),
        metadata=lambda: job.metadata(model=model_record(job), benchmark=questions.benchmark, **floor()),
        progress=partial(job.progress, unit="question"),
    )


def recorded_floor(
    output: str, groups: dict[str, str], items: dict[str, str], layers: list[int]
) -> dict[str, Any] | None:
    """What the table before this one has recorded of these questions and layers, under the same settings and code."""
    previous = finished(output)
    if previous is None:
        return None
    digests, known = tables.read_cells(previous), tables.read_metadata(previous).get("rounding_floor")
    same = digests["groups"] == groups and all(digests["items"].get(name) == items[name] for name in items)
    if not known or not same or (known["questions"], known["layers"]) != (list(items), layers):
        return None
    return known


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
