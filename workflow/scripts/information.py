"""Questions → table `information`: the label's probability with one window of visual tokens left, per layer."""

from functools import partial

from infohorizon import chunks
from infohorizon.information import noise_floor, token_information
from infohorizon.inputs import Images, open_batch, open_model, open_questions
from infohorizon.stage import Stage, log, run


def main(stage: Stage) -> None:
    settings = dict(stage.params.configuration["information"])
    limit, layers = settings.pop("limit", None), settings.pop("layers")
    model, source = open_model(stage)
    questions, benchmark = open_questions(stage, limit)
    images, batch = Images(stage.input.vision), open_batch(stage, model)

    def measure(row: dict) -> list[dict]:
        encoded = images[row["image_id"]]
        rows = token_information(model, row["question"], row["label"], encoded, layers, batch, **settings)
        return [{"question_id": row["question_id"], **one} for one in rows]

    measured = {}
    if model.dtype.itemsize == 2 and questions:
        row = questions[0]
        floor = noise_floor(model, row["question"], row["label"], images[row["image_id"]], batch, **settings)
        measured["noise_floor"] = floor
        log.info("noise floor of %s: %.2g in probability", model.dtype, floor)

    metadata = stage.metadata(model=source, benchmark=benchmark)
    progress = partial(stage.progress, unit="question")
    chunks.write(stage.output[0], "information", questions, measure, metadata, progress=progress, measured=measured)


run(main, snakemake)
