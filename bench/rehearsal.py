"""A study at the real sizes without the real weights: the time and memory that its jobs take, compared with the plan.

    python bench/rehearsal.py write build/rehearsal        # folders that studies/rehearsal.yaml names: 22 GB
    snakemake --cores 1 --configfile studies/rehearsal.yaml
    python bench/rehearsal.py report [--docs docs/cost.md]

`make rehearsal` runs all three. The folders hold random weights (random_folder.py), and one question about one picture.
Times are from the jobs' benchmark files and logs, where a job also says how much memory it took at most. What a job
needs to start is told apart: its imports, its weights, and the comparison of the model with its own forward pass, which
costs several times what a stage's one question does.
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hub_models import HUB_MODELS, HubModel
from PIL import Image
from random_folder import write
from roofline import study

from infohorizon.benchmarks.prompts import SHORT
from infohorizon.models.base import VICUNA_V1
from infohorizon.models.own_forward import ANSWER
from infohorizon.models.own_forward import QUESTION as CHECKED
from infohorizon.pipeline.docs import renew
from infohorizon.report.runs import seconds_of
from infohorizon.study import sizes
from infohorizon.study.cost import visual_tokens
from infohorizon.study.plan import COSTS, ELEMENT, plan
from infohorizon.study.protocols import protocol_of
from infohorizon.study.workload import Workload

STUDY, BENCHMARK = "studies/rehearsal.yaml", "rehearsal"
FOLDERS = {
    "llava-interleave-0.5b": "llava-hf/llava-interleave-qwen-0.5b-hf",
    "qwen2.5-vl-7b": "Qwen/Qwen2.5-VL-7B-Instruct",
    "llava-1.5-7b": "llava-hf/llava-1.5-7b-hf",
}
# About as long as the plan takes a data set of one's own to be: 40 tokens after the image, 3 of the label.
QUESTION = "Which of the coloured blocks in the lower left corner of the picture is the darkest of all?"
LABEL = "the blue one"


def adapted(model: HubModel, layers: int | None = None) -> HubModel:
    """The same model in bfloat16, cut to the given number of decoder layers; None keeps all.

    Weights in the dtype that the study runs are mapped from their files. Others are converted: they are in memory twice
    while they are loaded, which would hide what the jobs themselves take.
    """
    config = deepcopy(model.config)
    config["torch_dtype"] = config.get("text_config", config)["torch_dtype"] = "bfloat16"
    if layers is not None:
        config.get("text_config", config)["num_hidden_layers"] = layers
    return model._replace(config=config)


def write_all(folder: Path, layers: Mapping[str, int], names: Sequence[str]) -> None:
    """Write what studies/rehearsal.yaml names, where it is not there yet."""
    prompt = VICUNA_V1.replace("{image}", "<image>")
    texts = [prompt.replace("{question}", question) for question in (QUESTION + SHORT, CHECKED)]
    texts += [f"ASSISTANT: {LABEL}", ANSWER]
    for name in names:
        done = folder / name / "written"
        if not done.exists():
            write(folder / name, adapted(HUB_MODELS[FOLDERS[name]], layers.get(name)), texts)
            done.touch()
    data = folder / "data"
    data.mkdir(exist_ok=True)
    blocks = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((640, 480), Image.Resampling.BICUBIC).save(data / "picture.png")
    row = {"file_name": "picture.png", "question": QUESTION, "answer": LABEL}
    (data / "metadata.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


class Taken(NamedTuple):
    """What a job took: seconds of all, seconds until its model was there, seconds after that, bytes at most."""

    seconds: float
    starting: float
    working: float
    memory: float


LINE = re.compile(r"^(\S+ \S+),(\d+) (.*)$", re.M)


def taken(results: Path, rule: str, model: str) -> Taken | None:
    """Of the job of a rule, from its benchmark file and its log; None where it has not run."""
    timing = results / "timings" / rule / model / BENCHMARK / "0.tsv"
    log = results / "logs" / rule / model / BENCHMARK / "0.log"
    if not (timing.is_file() and log.is_file()):
        return None
    text = log.read_text(encoding="utf-8")
    times = {said: datetime.fromisoformat(f"{at}.{part}") for at, part, said in LINE.findall(text)}
    loaded = next((at for said, at in times.items() if said.startswith(f"{model} on ")), None)
    done = next((at for said, at in times.items() if said.startswith("computed in ")), None)
    memory = re.search(r"took ([\d.]+) GB of memory", text)
    if loaded is None or done is None or memory is None:
        return None
    seconds, working = next(seconds_of(timing)), (done - loaded).total_seconds()
    return Taken(seconds, seconds - working, working, 1e9 * float(memory[1]))


def loads(config: Mapping[str, Any]) -> Iterator[Workload]:
    """Each model of the study on its question."""
    tables = sizes.Tables(*(f"{config['results']}/benchmarks/{BENCHMARK}{kind}.arrow" for kind in ("", ".images")))
    size, _ = sizes.benchmark_size(BENCHMARK, config["benchmarks"][BENCHMARK], tables)
    for model in config["run"]["models"]:
        settings = config["models"][model]
        shape, protocol = sizes.model_geometry(model, settings), protocol_of(config, model, BENCHMARK)
        tokens = visual_tokens(shape, size.pixels, protocol["min_pixels"], protocol["max_pixels"])
        yield Workload(model, BENCHMARK, shape, ELEMENT[settings["dtype"]], size, tokens)


def page(config: Mapping[str, Any]) -> str:
    """The table of all jobs that ran a model."""
    head = "| model | stage | s | starting | working | memory, GB | planned, GB | planned ÷ taken | TFLOP | TFLOP/s |"
    lines = [head, "|---" * head.count(" |") + "|"]
    for load in loads(config):
        planned = {row.rule: row.memory for row in plan(config, [load])}
        for rule, cost in COSTS.items():
            if (job := taken(Path(config["results"]), rule, load.model)) is None:
                continue
            work = cost(load, config)
            flops = (work.flops + work.decoded) / 1e12
            memory, most = planned[rule] / 1e9, job.memory / 1e9
            lines.append(
                f"| {load.model} | {rule} | {job.seconds:.0f} | {job.starting:.0f} | {job.working:.1f} | {most:.1f} | "
                f"{memory:.1f} | {memory / most:.2f} | {flops:.2f} | {flops / job.working:.2f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    writing, reporting = commands.add_parser("write"), commands.add_parser("report")
    writing.add_argument("folder", type=Path)
    writing.add_argument("--models", nargs="+", default=list(FOLDERS), choices=list(FOLDERS))
    writing.add_argument("--qwen-layers", type=int, default=4, help="of 28, each of which takes 0.47 GB")
    reporting.add_argument("--docs", type=Path)
    chosen = parser.parse_args()
    if chosen.command == "write":
        write_all(chosen.folder, {"qwen2.5-vl-7b": chosen.qwen_layers}, chosen.models)
        return
    text = page(study(STUDY))
    print(text)
    if chosen.docs:
        renew(chosen.docs, "rehearsal", text, "bench/rehearsal.py")


if __name__ == "__main__":
    main()
