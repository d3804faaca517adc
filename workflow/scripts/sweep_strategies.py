"""Questions → table `sweep`: answers with one or several strategies pruning at every layer and keep."""

from functools import partial

from infohorizon import benchmarks, strategies
from infohorizon.measure.oracle import Oracle
from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.sweep import settings_of
from infohorizon.measure.sweep import sweep as run_sweep
from infohorizon.pipeline.inputs import Images, open_batch, open_model, open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.tables import resumable as chunks


def main(job: Job) -> None:
    settings = job.params.configuration
    sweep = settings["sweep"]
    model, source = open_model(job)
    task = benchmarks.create(settings["benchmark"]["task"], settings["benchmark"].get("options"))
    questions, benchmark = open_questions(job, sweep.get("limit"))
    images = Images(job.input.vision)
    oracle = Oracle(job.input.get("information"), settings.get("window"))
    used = {name: strategies.create(name, settings["strategies"]) for name in sweep["layers"]}
    plan = [
        setting
        for name, layers in sweep["layers"].items()
        for setting in settings_of(used[name], layers, sweep["keep"], sweep["repeats"])
    ]
    questioner = Questioner(model, open_batch(job, model), task.max_new_tokens, settings["seed"])

    def ask(row: dict) -> list[dict]:
        encoded, question_id = images[row["image_id"]], row["question_id"]
        asked = Asked(question_id, row["question"], row["label"], encoded, oracle.scores_of(question_id, encoded.grid))
        rows = run_sweep(questioner, questioner.trace(asked), asked, used, plan, sweep["positions"])
        for one in rows:
            one["score"] = task.score(one["answer"], row["answers"], row["category"])
            if not sweep["store_kept"]:
                one["kept"] = None
        return [{"question_id": question_id, **one} for one in rows]

    metadata = job.metadata(model=source, benchmark=benchmark)
    chunks.write(job.output[0], "sweep", questions, ask, metadata, progress=partial(job.progress, unit="question"))


if __name__ == "__main__":
    run(main, snakemake)
