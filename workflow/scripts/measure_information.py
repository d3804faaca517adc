"""Questions → table `information`: the label's probability with one window of visual tokens left, per layer."""

from collections.abc import Sequence
from functools import partial

from infohorizon.measure.information import Measurement, noise_floor, token_information
from infohorizon.measure.questioner import Asked
from infohorizon.measure.windows import drawn, windows
from infohorizon.pipeline.inputs import Images, open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, log, run
from infohorizon.tables import resumable as chunks


def main(job: Job) -> None:
    settings = dict(job.params.configuration["information"])
    limit, layers, number = settings.pop("limit", None), settings.pop("layers"), settings.pop("windows")
    measurement = Measurement(**settings)
    model, source = open_model(job)
    questions, benchmark = open_questions(job, limit)
    images, batch = Images(job.input.vision), open_batch(job, model)

    def ask(row: dict) -> Asked:
        return Asked(row["question_id"], row["question"], row["label"], images[row["image_id"]])

    def chosen(asked: Asked) -> Sequence[int]:
        return drawn(len(windows(asked.encoded.grid, measurement.window)), number, asked.question_id)

    def measure(row: dict) -> list[dict]:
        asked = ask(row)
        rows = token_information(model, asked, layers, batch, measurement, chosen(asked))
        return [{"question_id": asked.question_id, **one} for one in rows]

    measured = {}
    if model.dtype.itemsize == 2 and questions:
        asked = ask(questions[0])
        floor = noise_floor(model, asked, batch, measurement, chosen(asked))
        measured["noise_floor"] = floor
        log.info("noise floor of %s: %.2g in probability", model.dtype, floor)

    metadata = job.metadata(model=source, benchmark=benchmark)
    progress = partial(job.progress, unit="question")
    chunks.write(job.output[0], "information", questions, measure, metadata, progress=progress, measured=measured)


if __name__ == "__main__":
    run(main, snakemake)
