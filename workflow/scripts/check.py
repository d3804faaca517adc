"""The study → the terminal: what is wrong with its models, data and questions, and what will run."""

from pathlib import Path

from infohorizon.errors import UserError
from infohorizon.pipeline.job import Job, run
from infohorizon.study import configuration
from infohorizon.study.preflight import check_study
from infohorizon.units import layers_of


def main(job: Job) -> None:
    config = job.config
    report = check_study(config, Path(config["results"]))
    print("\n".join([*report.found, *(f"WRONG: {fault}." for fault in report.faults)]))
    if report.faults:
        count = len(report.faults)
        raise UserError(f"{count} {'fault' if count == 1 else 'faults'} found; nothing was run.")
    print("\n".join(stages(config)))


def stages(config: dict) -> list[str]:
    """What each model will be asked on each benchmark."""
    lines = []
    schedules = configuration.schedules_of(config)
    for name in config["run"]["models"]:
        depth = configuration.depth_of(name, config["models"][name])
        measured, removed = (
            len(layers_of(config[section]["layers"], depth)) for section in ("information", "removals")
        )
        lines.append(
            f"{name} will be asked {', '.join(config['run']['benchmarks'])}: answers; information at {measured} of "
            f"{depth} layers; {len(config['removals']['names'])} removals at {removed}; "
            f"{len(config['sweep']['keep'])} keeps of {len(config['sweep']['strategies'])} strategies; "
            f"{len(schedules)} schedules"
        )
    return lines


if __name__ == "__main__":
    run(main, snakemake)
