"""Questions → table `removals`: what is left of the answer when all visual information is taken away, per layer."""

from functools import cache, partial

from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.inputs import (
    decoding,
    group_digest,
    model_record,
    naming,
    open_batch,
    open_model,
    open_questions,
    open_task,
)
from infohorizon.pipeline.job import Job, run
from infohorizon.pipeline.scoring import scored
from infohorizon.tables.resumable import Cells, fill


def main(job: Job) -> None:
    chosen, images = job.params.cells, Images(job.input.vision)
    task, questions = open_task(job), open_questions(job, chosen["limit"])
    plan = [Cell(name, layer) for name in chosen["names"] for layer in chosen["layers"]]

    @cache
    def questioner() -> Questioner:
        model = open_model(job)
        return Questioner(model, open_batch(job, model), job.params.protocol["max_new_tokens"])

    def measure(question_id: str, missing: list[dict]) -> list[dict]:
        row = questions.rows[question_id]
        asked = Asked(question_id, row["question"], row["label"], images[row["image_id"]])
        rows = run_removals(questioner(), asked, [Cell(key["removal"], key["layer"]) for key in missing])
        return [{"question_id": question_id, "score": None, **one} for one in rows]

    fill(
        job.output[0],
        Cells(
            "removals",
            wanted=questions.cells(removal=[cell.removal for cell in plan], layer=[cell.layer for cell in plan]),
            items=questions.digests,
            groups={"": group_digest(job, job.params.settings, job.params.code, decoding(job))},
        ),
        naming(job.wildcards.benchmark, measure, questions.rows),
        metadata=lambda: job.metadata(model=model_record(job), benchmark=questions.benchmark),
        finish=partial(scored, task=task, questions=questions),
        progress=partial(job.progress, unit="question"),
    )


if __name__ == "__main__":
    run(main, snakemake)
