"""The registry of tasks, the rules of benchmarks (`task:` in config.yaml): one line each. Importing it loads none."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from infohorizon.errors import UserError, suggestion

if TYPE_CHECKING:
    from infohorizon.benchmarks.base import Task

# Name → module:class in this folder.
REGISTRY = {
    "chartqa": "chartqa:ChartQA",
    "countries": "countries:Countries",
    "digits": "digits:Digits",
    "docvqa": "docvqa:DocVQA",
    "gqa": "gqa:GQA",
    "knowledge": "knowledge:Knowledge",
    "mmbench": "mmbench:MMBench",
    "mme": "mme:MME",
    "ocrbench": "ocrbench:OCRBench",
    "perception": "perception:Perception",
    "places": "reading:Places",
    "pope": "pope:POPE",
    "reading": "reading:Reading",
    "scienceqa": "scienceqa:ScienceQA",
    "textvqa": "textvqa:TextVQA",
    "vqa": "vqa:VQA",
}


def module_of(name: str) -> str:
    """The module of this library in which a task is: `benchmarks.reading` for "places"."""
    return f"benchmarks.{REGISTRY[name].split(':')[0]}"


def create(name: str, options: Mapping[str, Any] | None = None) -> "Task":
    """Make the task `name` with its `options:` of config.yaml.

    Raises:
        UserError: no such task, or no such option.
    """
    if name not in REGISTRY:
        raise UserError(f"There is no task '{name}': {suggestion(name, REGISTRY)}")
    module, cls = REGISTRY[name].split(":")
    task: type[Task] = getattr(import_module(f"{__package__}.{module}"), cls)
    for option in options or {}:
        if option not in (own := [*task.defaults, *(["scorer"] if task.scorers else [])]):
            known = ", ".join(own) or "none"
            raise UserError(f"Task '{name}' has no option '{option}'; its options: {known}.")
    return task(**(options or {}))
