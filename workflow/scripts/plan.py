"""The study's plan → the terminal and plan.txt: what it will cost, from the configuration and what is already here."""

import json
from pathlib import Path
from typing import Any

from infohorizon import tables
from infohorizon.errors import UserError
from infohorizon.models.geometry import Geometry, geometry
from infohorizon.pipeline.job import Job, run
from infohorizon.study import catalogue
from infohorizon.study.configuration import is_local
from infohorizon.study.cost import BANDWIDTH, EFFICIENCY, IMPORTS, LOADING, PEAK, visual_tokens
from infohorizon.study.plan import ELEMENT, Case, plan, text

NOTES = f"""
Estimates throughout: nothing was run for them. GPU hours are those of one A100 (80 GB) at {PEAK / 1e12:.0f} TFLOP/s
(dense bf16) × {EFFICIENCY:g}, with one read of the weights per generated token at {BANDWIDTH / 1e12:g} TB/s, and for
each job {IMPORTS} s of imports and its weights at {LOADING / 1e9:g} GB/s from disk. Not counted: kernel launches,
a strategy's own selection, answers that run on; horizon, figures and report, which take minutes on a CPU.
GPU memory is weights, cached prefill and a batch of one row; batch_size: auto takes up to 60 % of what is then free.
Disk of `fetch_model` is the download, kept in HF_HOME; the data sets' downloads and images are not counted.
"""


def main(job: Job) -> None:
    config, results = job.params.configuration, Path(job.params.results)
    cases, lines = [], []
    for name in config["run"]["benchmarks"]:
        size, known = size_of(name, config["benchmarks"][name], results)
        lines.append(f"{name} ({known}): {size.questions} questions, {size.images} images; visual tokens of each:")
        for model in config["run"]["models"]:
            settings = config["models"][model]
            shape = geometry_of(model, settings)
            tokens = visual_tokens(shape, size.pixels, settings.get("min_pixels"), settings.get("max_pixels"))
            lines[-1] += f" {model} {tokens}"
            cases.append(Case(model, name, shape, ELEMENT[settings["dtype"]], size, tokens))
    page = "\n".join([*lines, "", *text(plan(config, cases)), NOTES])
    results.mkdir(parents=True, exist_ok=True)
    (results / "plan.txt").write_text(page)
    print(page)


def size_of(name: str, settings: dict[str, Any], results: Path) -> tuple[catalogue.Size, str]:
    """A benchmark's size and how it is known: its tables, if they are here already, else the catalogue."""
    guess, known = catalogue.BENCHMARKS.get(settings["task"]), "from the catalogue"
    if guess is None:
        guess, known = catalogue.UNKNOWN, f"not known yet: run snakemake {results}/benchmarks/{name}.arrow"
    if (questions := results / f"benchmarks/{name}.arrow").is_file():
        images = tables.read(results / f"benchmarks/{name}.images.arrow", "images")
        pixels = int((images["width"].cast(int) * images["height"].cast(int)).mean())
        asked = len(tables.read(questions, "benchmark"))
        return guess._replace(questions=asked, images=len(images), pixels=pixels), "counted"
    limit = settings.get("limit")
    if limit is None or limit >= guess.questions:
        return guess, known
    return guess._replace(questions=limit, images=-(-guess.images * limit // guess.questions)), known


def geometry_of(name: str, settings: dict[str, Any]) -> Geometry:
    """A model's geometry, from its config.json in a folder or the hub's cache, else from the catalogue.

    Raises:
        UserError: a hub model that is neither downloaded nor in the catalogue, or a config.json that lacks a size.
    """
    from huggingface_hub import try_to_load_from_cache

    source = settings["source"]
    if is_local(source):
        file = Path(source).expanduser() / "config.json"
    else:
        file = try_to_load_from_cache(source, "config.json", revision=settings.get("revision"))
    try:
        config = json.loads(Path(file).read_text()) if isinstance(file, str | Path) else catalogue.MODELS[source]
        return geometry(config)
    except KeyError as error:
        raise UserError(
            f"models.{name}: the size of {source} is not known ({error}): download it first, with "
            f"snakemake …/models/{name}.json, or give a folder."
        ) from error


if __name__ == "__main__":
    run(main, snakemake)
