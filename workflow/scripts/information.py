"""Questions → table `information`: the label's probability with one window of visual tokens left, per layer."""

from collections.abc import Sequence
from functools import partial

from infohorizon import chunks
from infohorizon.information import drawn, noise_floor, token_information, windows
from infohorizon.inputs import Images, open_batch, open_model, open_questions
from infohorizon.models.base import Encoded
from infohorizon.stage import Stage, log, run


def main(stage: Stage) -> None:
    settings = dict(stage.params.configuration["information"])
    limit, layers, number = settings.pop("limit", None), settings.pop("layers"), settings.pop("windows")
    model, source = open_model(stage)
    questions, benchmark = open_questions(stage, limit)
    images, batch = Images(stage.input.vision), open_batch(stage, model)

    def chosen(row: dict, encoded: Encoded) -> Sequence[int]:
        return drawn(len(windows(encoded.grid, settings["window"])), number, row["question_id"])

    def measure(row: dict) -> list[dict]:
        encoded = images[row["image_id"]]
        asked = row["question"], row["label"], encoded, layers, batch
        rows = token_information(model, *asked, **settings, only=chosen(row, encoded))
        return [{"question_id": row["question_id"], **one} for one in rows]

    measured = {}
    if model.dtype.itemsize == 2 and questions:
        row = questions[0]
        encoded = images[row["image_id"]]
        asked = row["question"], row["label"], encoded, batch
        floor = noise_floor(model, *asked, **settings, only=chosen(row, encoded))
        measured["noise_floor"] = floor
        log.info("noise floor of %s: %.2g in probability", model.dtype, floor)

    metadata = stage.metadata(model=source, benchmark=benchmark)
    progress = partial(stage.progress, unit="question")
    chunks.write(stage.output[0], "information", questions, measure, metadata, progress=progress, measured=measured)


run(main, snakemake)
