"""Benchmarks, one module each: rows of a data set → questions with labels; answers → scores.

A new benchmark is one file beside these and one line in TASKS.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from infohorizon.benchmarks.base import Task
from infohorizon.errors import UserError

# The `task:` value of config.yaml, which is also the module's name → its class; imported on demand.
TASKS: dict[str, str] = {
    "chartqa": "ChartQA",
    "docvqa": "DocVQA",
    "gqa": "GQA",
    "knowledge": "Knowledge",
    "mmbench": "MMBench",
    "mme": "MME",
    "ocrbench": "OCRBench",
    "perception": "Perception",
    "pope": "POPE",
    "reading": "Reading",
    "scienceqa": "ScienceQA",
    "textvqa": "TextVQA",
    "vqa": "VQA",
}


def get_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """The task `name` with its `options:` of config.yaml.

    Raises:
        UserError: no such task, or no such option of it.
    """
    if name not in TASKS:
        raise UserError(f"There is no task '{name}'; set `task:` to one of {', '.join(TASKS)}.")
    task: type[Task] = getattr(import_module(f"{__name__}.{name}"), TASKS[name])
    for option in options or {}:
        if option not in task.defaults:
            known = ", ".join(task.defaults) or "none"
            raise UserError(f"Task '{name}' has no option '{option}'; its options: {known}.")
    return task(**(options or {}))
