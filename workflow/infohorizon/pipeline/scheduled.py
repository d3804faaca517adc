"""What the jobs that run schedules have in common: all but where their schedules come from."""

from collections.abc import Mapping
from typing import Any

from infohorizon import strategies
from infohorizon.measure.oracle import Oracle
from infohorizon.measure.schedules import Plan, Stage, repeats_of, run_schedules
from infohorizon.models.vision_table import Images
from infohorizon.pipeline.asking import asker, questioner_of, reading
from infohorizon.pipeline.inputs import Questions
from infohorizon.pipeline.job import Job
from infohorizon.pipeline.pruning import schedule_digests, stored
from infohorizon.pipeline.scoring import fill_scored


def fill_schedules(job: Job, questions: Questions, schedules: Mapping[str, Mapping[str, Any]]) -> None:
    """Fill the job's output, a table `schedules`: every question under every schedule.

    Args:
        schedules: name → stages [layer, strategy, keep], positions.
    """
    settings = job.params.settings
    oracle = Oracle(job.input.get("information"), settings.get("window"))
    questioner, pose = questioner_of(job, questions), asker(questions, Images(job.input.vision), oracle)
    plans = {
        name: Plan([Stage(*stage) for stage in plan["stages"]], plan["positions"]) for name, plan in schedules.items()
    }
    names = sorted({stage.strategy for plan in plans.values() for stage in plan.stages})
    used = {name: strategies.create(name, settings["strategies"]) for name in names}
    repeats = {name: repeats_of(plan.stages, used, job.params.cells["repeats"]) for name, plan in plans.items()}
    runs = [(name, repeat) for name, count in repeats.items() for repeat in range(count)]

    def ask(question_id: str, missing: list[dict]) -> list[dict]:
        asked = pose(question_id)
        rows = run_schedules(questioner(), asked, plans, used, [(key["schedule"], key["repeat"]) for key in missing])
        return [{"question_id": question_id, "score": None, **stored(row, settings)} for row in rows]

    columns = {"schedule": [name for name, _ in runs], "repeat": [repeat for _, repeat in runs]}
    fill_scored(
        job,
        "schedules",
        questions,
        ask,
        reading(questioner),
        columns,
        schedule_digests(job, schedules),
    )
