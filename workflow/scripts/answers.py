"""Questions → table `answers`: the unpruned and the blind answer to each, with scores."""

from functools import partial

from infohorizon import chunks
from infohorizon.benchmarks import get_task
from infohorizon.inputs import Images, open_batch, open_model, open_questions
from infohorizon.stage import Stage, run
from infohorizon.sweep import Questioner


def main(stage: Stage) -> None:
    settings = stage.params.configuration
    model, source = open_model(stage)
    task = get_task(settings["benchmark"]["task"], settings["benchmark"].get("options"))
    questions, benchmark = open_questions(stage, None)
    images = Images(stage.input.vision)
    asker = Questioner(model, open_batch(stage, model), task.max_new_tokens)

    def ask(row: dict) -> list[dict]:
        trace = asker.trace(row["question"], images[row["image_id"]])
        answers = {"full": asker.full(trace, row["label"]), "blind": asker.blind(trace, row["label"])}
        return [
            {
                "question_id": row["question_id"],
                "condition": condition,
                "score": task.score(answer["answer"], row["answers"], row["category"]),
                **answer,
            }
            for condition, answer in answers.items()
        ]

    metadata = stage.metadata(model=source, benchmark=benchmark)
    chunks.write(
        stage.output[0], "answers", questions, ask, metadata, progress=partial(stage.progress, unit="question")
    )


run(main, snakemake)
