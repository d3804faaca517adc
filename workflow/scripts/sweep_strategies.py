"""Questions → table `sweep`: answers with strategies pruning at every layer and keep."""

from typing import Any

from infohorizon import strategies
from infohorizon.measure.oracle import Oracle
from infohorizon.measure.questioner import Setting
from infohorizon.measure.sweep import run_sweep, settings_of
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.asking import asker, questioner_of, reading
from infohorizon.pipeline.inputs import open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.pipeline.pruning import stored, strategy_digests
from infohorizon.pipeline.scoring import fill_scored


def main(job: Job) -> None:
    settings, chosen = job.params.settings, job.params.cells
    questions = open_questions(job, chosen["limit"])
    oracle = Oracle(job.input.get("information"), settings.get("window"))
    questioner, pose = questioner_of(job, questions), asker(questions, Images(job.input.vision), oracle)
    used = {name: strategies.create(name, settings["strategies"]) for name in chosen["strategies"]}
    plan = [
        setting
        for name in chosen["strategies"]
        for setting in settings_of(used[name], chosen["layers"][name], chosen["keep"], chosen["repeats"])
    ]
    keeps = {float(setting.keep): setting.keep for setting in plan}

    def ask(question_id: str, missing: list[dict]) -> list[dict]:
        asked = pose(question_id)
        wanted = [Setting(key["strategy"], key["layer"], keeps[key["keep"]], key["repeat"]) for key in missing]
        rows = run_sweep(questioner(), questioner().trace(asked), asked, used, wanted, settings["positions"])
        return [{"question_id": question_id, "score": None, **stored(one, settings)} for one in rows]

    columns: dict[str, list[Any]] = {
        "strategy": [setting.strategy for setting in plan],
        "layer": [setting.layer for setting in plan],
        "keep": [float(setting.keep) for setting in plan],
        "repeat": [setting.repeat for setting in plan],
    }
    fill_scored(job, "sweep", questions, ask, reading(questioner), columns, strategy_digests(job))


if __name__ == "__main__":
    run(main, snakemake)
