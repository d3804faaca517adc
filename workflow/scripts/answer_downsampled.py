"""Questions and images → table `downsample`: answers with the image at lower resolution, nothing pruned."""

from infohorizon.pipeline.downsampled import fill_downsampled
from infohorizon.pipeline.inputs import open_questions
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    chosen = job.params.cells
    fill_downsampled(job, open_questions(job, chosen["limit"]), chosen["keep"])


if __name__ == "__main__":
    run(main, snakemake)
