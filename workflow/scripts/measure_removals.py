"""Questions → table `removals`: what is left of the answer when all visual information is taken away, per layer."""

from functools import cache

from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.inputs import decoding, group_digest, open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.pipeline.scoring import fill_scored


def main(job: Job) -> None:
    chosen, images = job.params.cells, Images(job.input.vision)
    questions = open_questions(job, chosen["limit"])
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

    columns = {"removal": [cell.removal for cell in plan], "layer": [cell.layer for cell in plan]}
    groups = {"": group_digest(job, job.params.settings, job.params.code, decoding(job))}
    fill_scored(job, "removals", questions, measure, columns, groups)


if __name__ == "__main__":
    run(main, snakemake)
