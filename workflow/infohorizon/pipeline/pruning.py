"""What the jobs that prune have in common: digests of each strategy and schedule, and what they store."""

from collections.abc import Mapping
from typing import Any

from infohorizon import strategies, tables
from infohorizon.pipeline.inputs import decoding, group_digest
from infohorizon.pipeline.job import Job


def strategy_digests(job: Job) -> dict[str, str]:
    """Strategy → digest of everything that decides its cells, for the strategies of `params.code`."""
    return {name: _digest(job, [name]) for name in job.params.code["strategies"]}


def schedule_digests(job: Job, schedules: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Schedule → digest of its stages, of their strategies, and of all else that decides its cells."""
    return {
        name: _digest(job, sorted({strategy for _, strategy, _ in plan["stages"]}), plan)
        for name, plan in schedules.items()
    }


def stored(row: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the tables keep it: without the kept tokens where `store_kept` is off."""
    return {**row, "kept": row["kept"] if settings["store_kept"] else None}


def _digest(job: Job, names: list[str], *more: Any) -> str:
    """Digest of some strategies' code and options, the oracle's table, and the job's other settings."""
    settings, code = job.params.settings, job.params.code
    own = {name: _options(name, settings) for name in names if name in settings["strategies"]}
    informed = any(strategies.is_informed(name, settings["strategies"]) for name in names)
    read = tables.read_cells(job.input.information)["groups"] if informed else None
    common = {key: value for key, value in settings.items() if key not in ("strategies", "files", "window")}
    return group_digest(
        job,
        common,
        code["engine"],
        [code["strategies"][name] for name in names],
        own,
        read,
        decoding(job),
        *more,
    )


def _options(name: str, settings: Mapping[str, Any]) -> Any:
    """A strategy's entry in the configuration; of a file of kept sets the content counts, not its path."""
    entry = settings["strategies"][name]
    return {**entry, "file": settings["files"][name]} if name in settings["files"] else entry
