"""Questions → one `schedules` table per schedule: answers with tokens leaving in stages."""

from functools import partial
from pathlib import Path

from infohorizon import chunks, strategies
from infohorizon.benchmarks import get_task
from infohorizon.inputs import Images, Oracle, open_batch, open_model, open_questions
from infohorizon.schedules import Stage as PruningStage
from infohorizon.schedules import repeats_of, run_schedule
from infohorizon.stage import Stage, run
from infohorizon.sweep import Questioner


def main(stage: Stage) -> None:
    settings = stage.params.configuration
    model, source = open_model(stage)
    task = get_task(settings["benchmark"]["task"], settings["benchmark"].get("options"))
    questions, benchmark = open_questions(stage, settings["limit"])
    images = Images(stage.input.vision)
    oracle = Oracle(stage.input.get("information"), settings.get("window"))
    plans = {name: [PruningStage(*s) for s in plan["stages"]] for name, plan in settings["schedules"].items()}
    used = {s.strategy for plan in plans.values() for s in plan}
    available = {name: strategies.create(name, settings["strategies"]) for name in sorted(used)}
    asker = Questioner(model, open_batch(stage, model), task.max_new_tokens, settings["seed"])
    outputs = {Path(path).parent.name: path for path in stage.output}

    def ask(row: dict) -> list[dict]:
        encoded, question_id = images[row["image_id"]], row["question_id"]
        trace = asker.trace(row["question"], encoded)
        known = oracle.of(question_id, encoded.grid)
        rows = []
        for name, plan in plans.items():
            positions = settings["schedules"][name]["positions"]
            for repeat in range(repeats_of(plan, available, settings["repeats"])):
                one = run_schedule(
                    asker, trace, plan, available, row["label"], encoded, question_id, positions, repeat, known
                )
                score = task.score(one["answer"], row["answers"], row["category"])
                if not settings["store_kept"]:
                    one["kept"] = None
                rows.append({"question_id": question_id, "schedule": name, "score": score, **one})
        return rows

    metadata = stage.metadata(model=source, benchmark=benchmark)
    progress = partial(stage.progress, unit="question")
    chunks.write(outputs, "schedules", questions, ask, metadata, by="schedule", progress=progress)


run(main, snakemake)
