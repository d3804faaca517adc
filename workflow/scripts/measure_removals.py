"""Questions → table `removals`: what is left of the answer when all visual information is taken away, per layer."""

from functools import partial
from typing import Any

from infohorizon.measure.answer_floor import answer_floor
from infohorizon.measure.floor import in_float32
from infohorizon.measure.questioner import Questioner
from infohorizon.measure.removals import Cell, run_removals
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.asking import asker, questioner_of, reading
from infohorizon.pipeline.inputs import decoding, group_digest, open_questions, open_task
from infohorizon.pipeline.job import Job, run
from infohorizon.pipeline.rounding import rounding_metadata
from infohorizon.pipeline.scoring import fill_scored, score_of


def main(job: Job) -> None:
    chosen = job.params.cells
    questions = open_questions(job, chosen["limit"])
    questioner, asked = questioner_of(job, questions), asker(questions, Images(job.input.vision))
    plan = [Cell(name, layer) for name in chosen["names"] for layer in chosen["layers"]]

    def measure(question_id: str, missing: list[dict]) -> list[dict]:
        cells = [Cell(key["removal"], key["layer"]) for key in missing]
        rows = run_removals(questioner(), asked(question_id), cells)
        return [{"question_id": question_id, "score": None, **one} for one in rows]

    columns = {"removal": [cell.removal for cell in plan], "layer": [cell.layer for cell in plan]}
    groups = {"": group_digest(job, job.params.settings, job.params.code, decoding(job))}
    layers = list(chosen["layers"])

    def floor(few: list[str]) -> dict[str, Any] | None:
        if (wide := in_float32(questioner().model)) is None:
            return None
        one = questioner()
        pair = one, Questioner(wide, one.batch, one.limit, settled=one.settled, together=True)
        return answer_floor(pair, [asked(name) for name in few], layers, score_of(open_task(job), questions))

    more_metadata = partial(rounding_metadata, job, questions, groups, layers, floor)
    fill_scored(job, "removals", questions, measure, reading(questioner), columns, groups, more_metadata)


if __name__ == "__main__":
    run(main, snakemake)
