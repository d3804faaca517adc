"""Questions → table `information`: the label's probability with one window of visual tokens left, per layer."""

from functools import partial

from infohorizon import chunks
from infohorizon.information import token_information
from infohorizon.inputs import Images, open_batch, open_model, open_questions
from infohorizon.stage import Stage, run


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

    metadata = stage.metadata(model=source, benchmark=benchmark)
    chunks.write(
        stage.output[0], "information", questions, measure, metadata, progress=partial(stage.progress, unit="question")
    )


run(main, snakemake)
