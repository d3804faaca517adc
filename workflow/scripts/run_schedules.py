"""Questions → one `schedules` table per schedule: answers with tokens leaving in stages."""

from functools import partial
from pathlib import Path

from infohorizon import benchmarks, strategies
from infohorizon.measure.oracle import Oracle
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.schedules import Stage, repeats_of, run_schedule
from infohorizon.pipeline.inputs import Images, open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.tables import resumable as chunks


def main(job: Job) -> None:
    settings = job.params.configuration
    model, source = open_model(job)
    task = benchmarks.create(settings["benchmark"]["task"], settings["benchmark"].get("options"))
    questions, benchmark = open_questions(job, settings["limit"])
    images = Images(job.input.vision)
    oracle = Oracle(job.input.get("information"), settings.get("window"))
    plans = {name: [Stage(*s) for s in plan["stages"]] for name, plan in settings["schedules"].items()}
    used = {s.strategy for plan in plans.values() for s in plan}
    available = {name: strategies.create(name, settings["strategies"]) for name in sorted(used)}
    questioner = Questioner(model, open_batch(job, model), task.max_new_tokens, settings["seed"])
    outputs = {Path(path).parent.name: path for path in job.output}

    def ask(row: dict) -> list[dict]:
        encoded, question_id = images[row["image_id"]], row["question_id"]
        asked = Asked(question_id, row["question"], row["label"], encoded, oracle.scores_of(question_id, encoded.grid))
        trace = questioner.trace(asked)
        rows = []
        for name, plan in plans.items():
            positions = settings["schedules"][name]["positions"]
            for repeat in range(repeats_of(plan, available, settings["repeats"])):
                one = run_schedule(questioner, trace, asked, plan, available, positions, repeat)
                score = task.score(one["answer"], row["answers"], row["category"])
                if not settings["store_kept"]:
                    one["kept"] = None
                rows.append({"question_id": question_id, "schedule": name, "score": score, **one})
        return rows

    metadata = job.metadata(model=source, benchmark=benchmark)
    progress = partial(job.progress, unit="question")
    chunks.write(outputs, "schedules", questions, ask, metadata, by="schedule", progress=progress)


if __name__ == "__main__":
    run(main, snakemake)
