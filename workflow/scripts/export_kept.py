"""The sweep of a model on a benchmark → which tokens every strategy kept, as Parquet."""

from infohorizon.atomic import replacing
from infohorizon.pipeline.job import Job, run
from infohorizon.report.exchange import kept_sets


def main(job: Job) -> None:
    with replacing(job.output[0]) as temporary:
        kept_sets(list(job.input)).write_parquet(temporary)


if __name__ == "__main__":
    run(main, snakemake)
