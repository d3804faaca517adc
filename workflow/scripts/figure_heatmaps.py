"""Information, vision and benchmark tables → figure: heat maps over the clearest example of each benchmark."""

from infohorizon.figures import data, examples, style
from infohorizon.figures.heatmaps import heatmaps_figure
from infohorizon.stage import Stage, run


def main(stage: Stage) -> None:
    params = stage.params
    asked = data.questions(params.questions)
    information = data.information(params.information, asked)
    shown = []
    for benchmark in params.benchmarks:
        for model in params.models:
            chosen = examples.clearest(information, model, benchmark)
            parts = params.information[model][benchmark], params.vision[model][benchmark]
            images = params.images[benchmark]
            shown += examples.load(model, benchmark, chosen, asked, images, *parts, params.window)
    style.save(heatmaps_figure(shown), stage.output.svg, stage.output.png)


run(main, snakemake)
