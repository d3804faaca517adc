"""Questions → table `answers`: the unpruned and the blind answer to each, with scores."""

from functools import cache

from infohorizon import tables
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.inputs import decoding, group_digest, open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, log, run
from infohorizon.pipeline.scoring import fill_scored


def main(job: Job) -> None:
    questions = open_questions(job, job.params.cells["limit"])
    images = Images(job.input.vision)

    @cache
    def questioner() -> Questioner:
        model = open_model(job)
        return Questioner(model, open_batch(job, model), job.params.protocol["max_new_tokens"])

    def ask(question_id: str, missing: list[dict]) -> list[dict]:
        row = questions.rows[question_id]
        asked = Asked(question_id, row["question"], row["label"], images[row["image_id"]])
        trace = questioner().trace(asked)
        conditions = {"full": questioner().full, "blind": questioner().blind}
        worth = questioner().worth(trace, asked)
        rows = []
        for key in missing:
            condition = key["condition"]
            answer = conditions[condition](trace, asked)
            other = questioner().spells_otherwise(answer["answer"], asked)
            found = {"score": None, "other_spelling": other, **answer, **worth[condition]}
            rows.append({"question_id": question_id, **key, **found})
        return rows

    groups = {"": group_digest(job, job.params.settings, job.params.code, *decoding(job))}
    fill_scored(job, "answers", questions, ask, {"condition": ["full", "blind"]}, groups)
    full = tables.read(job.output[0], "answers", ["condition", "other_spelling"]).filter(condition="full")
    if other := full["other_spelling"].sum():
        log.warning(
            "%d of %d full answers are the label but begin with another token: their label_probability is that of "
            "another spelling",
            *(other, full.height),
        )


if __name__ == "__main__":
    run(main, snakemake)
