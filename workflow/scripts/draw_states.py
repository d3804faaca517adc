"""States table → figure: matrix entropy of the visual states by layer."""

from infohorizon.analysis import observations
from infohorizon.figures import style
from infohorizon.figures.states import states_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    states = observations.states(job.input.states, observations.questions(job.input.questions))
    figure = states_figure(states, job.params.depths, job.params.models, job.params.benchmarks)
    style.save(figure, job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
