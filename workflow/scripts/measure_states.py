"""Questions → table `states`: matrix entropy of the visual states entering each layer."""

from functools import cache, partial

from infohorizon.engine import prefill
from infohorizon.measure.states import state_rows
from infohorizon.models.base import VisionLanguageModel
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.inputs import group_digest, model_record, naming, open_model, open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.tables.resumable import Cells, fill


def main(job: Job) -> None:
    chosen, images = job.params.cells, Images(job.input.vision)
    questions = open_questions(job, chosen["limit"])

    @cache
    def model() -> VisionLanguageModel:
        return open_model(job)

    def measure(question_id: str, missing: list[dict]) -> list[dict]:
        row = questions.rows[question_id]
        trace = prefill(model().language_model, model().prompt(row["question"], images[row["image_id"]]))
        rows = state_rows(trace, [key["layer"] for key in missing])
        return [{"question_id": question_id, **one} for one in rows]

    fill(
        job.output[0],
        Cells(
            "states",
            wanted=questions.cells(layer=list(chosen["layers"])),
            items=questions.digests,
            groups={"": group_digest(job, job.params.settings, job.params.code)},
        ),
        naming(job.wildcards.benchmark, measure, questions.rows),
        metadata=lambda: job.metadata(model=model_record(job), benchmark=questions.benchmark),
        progress=partial(job.progress, unit="question"),
    )


if __name__ == "__main__":
    run(main, snakemake)
