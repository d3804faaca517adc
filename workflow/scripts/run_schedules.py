"""Questions → table `schedules`: answers with tokens leaving in stages."""

from functools import cache

from infohorizon import strategies
from infohorizon.measure.oracle import Oracle
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.schedules import Stage, repeats_of, run_schedule
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.inputs import open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.pipeline.pruning import schedule_digests, stored
from infohorizon.pipeline.scoring import fill_scored


def main(job: Job) -> None:
    settings, chosen = job.params.settings, job.params.cells
    questions = open_questions(job, chosen["limit"])
    images, oracle = Images(job.input.vision), Oracle(job.input.get("information"), settings.get("window"))
    plans = {name: [Stage(*stage) for stage in chosen["schedules"][name]["stages"]] for name in chosen["names"]}
    names = sorted({stage.strategy for plan in plans.values() for stage in plan})
    used = {name: strategies.create(name, settings["strategies"]) for name in names}
    runs = [
        (name, repeat) for name, plan in plans.items() for repeat in range(repeats_of(plan, used, chosen["repeats"]))
    ]

    @cache
    def questioner() -> Questioner:
        model = open_model(job)
        return Questioner(model, open_batch(job, model), job.params.protocol["max_new_tokens"], settings["seed"])

    def ask(question_id: str, missing: list[dict]) -> list[dict]:
        row = questions.rows[question_id]
        encoded = images[row["image_id"]]
        asked = Asked(question_id, row["question"], row["label"], encoded, oracle.scores_of(question_id, encoded.grid))
        trace, rows = questioner().trace(asked), []
        for key in missing:
            name = key["schedule"]
            positions = chosen["schedules"][name]["positions"]
            one = run_schedule(questioner(), trace, asked, plans[name], used, positions, key["repeat"])
            rows.append({"question_id": question_id, "schedule": name, "score": None, **stored(one, settings)})
        return rows

    columns = {"schedule": [name for name, _ in runs], "repeat": [repeat for _, repeat in runs]}
    fill_scored(job, "schedules", questions, ask, columns, schedule_digests(job))


if __name__ == "__main__":
    run(main, snakemake)
