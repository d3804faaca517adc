"""Questions → table `sweep`: answers with one or several strategies pruning at every layer and keep."""

from functools import partial

from infohorizon import chunks, strategies
from infohorizon.benchmarks import get_task
from infohorizon.inputs import Images, Oracle, open_batch, open_model, open_questions
from infohorizon.stage import Stage, run
from infohorizon.sweep import Questioner, settings_of


def main(stage: Stage) -> None:
    settings = stage.params.configuration
    sweep = settings["sweep"]
    model, source = open_model(stage)
    task = get_task(settings["benchmark"]["task"], settings["benchmark"].get("options"))
    questions, benchmark = open_questions(stage, sweep.get("limit"))
    images = Images(stage.input.vision)
    oracle = Oracle(stage.input.get("information"), settings.get("window"))
    used = {name: strategies.create(name, settings["strategies"]) for name in sweep["layers"]}
    plan = [
        setting
        for name, layers in sweep["layers"].items()
        for setting in settings_of(used[name], layers, sweep["keep"], sweep["repeats"])
    ]
    asker = Questioner(model, open_batch(stage, model), task.max_new_tokens, settings["seed"])

    def ask(row: dict) -> list[dict]:
        encoded, question_id = images[row["image_id"]], row["question_id"]
        trace = asker.trace(row["question"], encoded)
        known = oracle.of(question_id, encoded.grid)
        rows = asker.sweep(trace, row["label"], encoded, question_id, used, plan, sweep["positions"], known)
        for one in rows:
            one["score"] = task.score(one["answer"], row["answers"], row["category"])
            if not sweep["store_kept"]:
                one["kept"] = None
        return [{"question_id": question_id, **one} for one in rows]

    metadata = stage.metadata(model=source, benchmark=benchmark)
    chunks.write(stage.output[0], "sweep", questions, ask, metadata, progress=partial(stage.progress, unit="question"))


run(main, snakemake)
