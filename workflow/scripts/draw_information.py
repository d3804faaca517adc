"""Information and horizon tables → figure: token information by layer."""

from infohorizon import tables
from infohorizon.analysis import summaries
from infohorizon.figures import style
from infohorizon.figures.information import information_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    params = job.params
    information = summaries.information(params.information, summaries.questions(params.questions))
    horizon = tables.read(job.input.horizon, "horizon")
    figure = information_figure(information, horizon, params.models, params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
