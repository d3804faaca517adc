"""Answers, information and horizon tables → figure: token information by layer."""

from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.criteria import with_worth
from infohorizon.figures import style
from infohorizon.figures.information import information_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    questions = observations.questions(job.input.questions)
    answers = observations.answers(job.input.answers, questions)
    information = observations.information(job.input.information, questions)
    if not information.is_empty():
        information = with_worth(information, answers, ["model", "benchmark"])
    horizon = tables.read(job.input.horizon, "horizon")
    figure = information_figure(information, horizon, job.params.models, job.params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
