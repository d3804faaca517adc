"""Information, vision and benchmark tables → figure: heat maps over the clearest example of each benchmark."""

from infohorizon.analysis import summaries
from infohorizon.figures import examples, style
from infohorizon.figures.heatmaps import heatmaps_figure
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    params = job.params
    asked = summaries.questions(params.questions)
    information = summaries.information(params.information, asked)
    shown = []
    for benchmark in params.benchmarks:
        for model in params.models:
            chosen = examples.clearest(information, model, benchmark)
            parts = params.information[model][benchmark], params.vision[model][benchmark]
            images = params.images[benchmark]
            shown += examples.load(model, benchmark, chosen, asked, images, *parts, params.window)
    style.save(heatmaps_figure(shown), job.output.svg, job.output.png)


if __name__ == "__main__":
    run(main, snakemake)
