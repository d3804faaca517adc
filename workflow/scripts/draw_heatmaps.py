"""Information, vision and benchmark tables → figure: heat maps over the clearest example of each benchmark."""

from infohorizon.analysis import observations
from infohorizon.figures import examples, style
from infohorizon.figures.heatmaps import heatmaps_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    files, params = job.input, job.params
    questions = observations.questions(files.questions)
    sources = examples.Sources(questions, files.images, files.information, files.vision, params.window)
    shown = []
    for benchmark in params.benchmarks:
        for model in params.models:
            chosen = examples.clearest(files.information, model, benchmark)
            shown += examples.load(sources, model, benchmark, chosen)
    style.save(heatmaps_figure(shown), job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
