"""Questions → table `answers`: the unpruned and the blind answer to each, with scores."""

from functools import partial

from infohorizon import benchmarks
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.pipeline.inputs import Images, open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.tables import resumable as chunks


def main(job: Job) -> None:
    settings = job.params.configuration
    model, source = open_model(job)
    task = benchmarks.create(settings["benchmark"]["task"], settings["benchmark"].get("options"))
    questions, benchmark = open_questions(job, None)
    images = Images(job.input.vision)
    questioner = Questioner(model, open_batch(job, model), task.max_new_tokens)

    def ask(row: dict) -> list[dict]:
        asked = Asked(row["question_id"], row["question"], row["label"], images[row["image_id"]])
        trace = questioner.trace(asked)
        answers = {"full": questioner.full(trace, row["label"]), "blind": questioner.blind(trace, row["label"])}
        return [
            {
                "question_id": row["question_id"],
                "condition": condition,
                "score": task.score(answer["answer"], row["answers"], row["category"]),
                **answer,
            }
            for condition, answer in answers.items()
        ]

    metadata = job.metadata(model=source, benchmark=benchmark)
    chunks.write(job.output[0], "answers", questions, ask, metadata, progress=partial(job.progress, unit="question"))


if __name__ == "__main__":
    run(main, snakemake)
