"""Questions → table `schedules`: answers with tokens leaving in stages."""

from infohorizon.pipeline.inputs import open_questions
from infohorizon.pipeline.job import Job, run
from infohorizon.pipeline.scheduled import fill_schedules


def main(job: Job) -> None:
    chosen = job.params.cells
    schedules = {name: chosen["schedules"][name] for name in chosen["names"]}
    fill_schedules(job, open_questions(job, chosen["limit"]), schedules)


if __name__ == "__main__":
    run(main, snakemake)
