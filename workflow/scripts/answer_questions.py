"""Questions → table `answers`: the unpruned and the blind answer to each, with scores."""

from infohorizon import tables
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.asking import asker, questioner_of
from infohorizon.pipeline.inputs import decoding, group_digest, open_questions
from infohorizon.pipeline.job import Job, log, run
from infohorizon.pipeline.scoring import fill_scored


def main(job: Job) -> None:
    questions = open_questions(job, job.params.cells["limit"])
    questioner, pose = questioner_of(job, questions), asker(questions, Images(job.input.vision))

    def ask(question_id: str, missing: list[dict]) -> list[dict]:
        asked = pose(question_id)
        trace = questioner().trace(asked)
        conditions = {"full": questioner().answer, "blind": questioner().blind}
        worth = questioner().worth(trace, asked)
        rows = []
        for key in missing:
            condition = key["condition"]
            answer = conditions[condition](trace, asked)
            rows.append({"question_id": question_id, **key, "score": None, **answer, **worth[condition]})
        return rows

    def complete(rows: list[dict]) -> list[dict]:
        return [{**row, "other_spelling": spelled_otherwise(row)} for row in questioner().read(rows)]

    def spelled_otherwise(row: dict) -> bool:
        question = questions.rows[row["question_id"]]
        return questioner().spells_otherwise(row["answer"], question["label"], question["question"])

    groups = {"": group_digest(job, job.params.settings, job.params.code, *decoding(job))}
    fill_scored(job, "answers", questions, ask, complete, {"condition": ["full", "blind"]}, groups)
    full = tables.read(job.output[0], "answers", ["condition", "other_spelling"]).filter(condition="full")
    if other := full["other_spelling"].sum():
        log.warning(
            "%d of %d full answers are the label but begin with another token: their label_probability is that of "
            "another spelling",
            *(other, full.height),
        )


if __name__ == "__main__":
    run(main, snakemake)
