"""One job of the study in a process of its own, made again from what its table records, without Snakemake around it."""

import logging
import multiprocessing
import os
import runpy
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

from snakemake.iocontainers import InputFiles, OutputFiles, Params, Wildcards

from faults.study import ROOT
from infohorizon import tables

# Children of a server that has imported everything heavy start in no time; it finds installed packages only.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["polars", "scipy.stats", "tokenizers", "torch", "snakemake.iocontainers", "transformers.generation"]
    + [f"transformers.models.{name}" for name in ("auto", "clip.modeling_clip", "llava.modeling_llava")]
    + ["transformers.models.llama.modeling_llama", "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl"]
)
# Stage → its rule.
STAGES = {
    "vision": "encode_images",
    "answers": "answer_questions",
    "downsample": "answer_downsampled",
    "information": "measure_information",
    "removals": "measure_removals",
    "states": "measure_states",
    "sweep": "sweep_strategies",
    "schedules": "run_schedules",
}


def start(study: Path, stage: str, results: Path, kill: int | None = None, log: Path | None = None) -> int:
    """Run the job of `stage` in the study's folder, its tables going to `results`; give its exit code.

    Args:
        kill: SIGKILL at the moment at which the job puts its `kill`th file in place.
    """
    process = CONTEXT.Process(target=_run, args=(study, stage, results, kill, log))
    process.start()
    process.join(120)
    return process.exitcode


def output(stage: str) -> Path:
    """The table of a stage, relative to the results folder."""
    return Path(stage, "tiny/tiny-mme/part-0.arrow")


def _run(study: Path, stage: str, results: Path, kill: int | None, log: Path | None) -> None:
    os.chdir(study)
    recorded = tables.read_metadata(study / "results" / output(stage))
    inputs = {
        "questions": "results/benchmarks/tiny-mme.arrow",
        "images": "results/benchmarks/tiny-mme.images.arrow",
        "model": "results/models/tiny.json",
        "vision": "results/vision/tiny/tiny-mme/part-0.arrow",
    }
    params = {**recorded["configuration"], "code": recorded["code"]}
    wildcards = {"model": "tiny", "benchmark": "tiny-mme", "shard": "0"}
    model = {"source": "inputs/llava", "dtype": "float32", "device": "auto"}
    snakemake = SimpleNamespace(
        input=InputFiles(fromdict=inputs),
        output=OutputFiles([str(results / output(stage))]),
        params=Params(fromdict=params),
        wildcards=Wildcards(fromdict=wildcards),
        config={
            "shards": 1,
            "batch_size": "auto",
            "compile": False,
            "models": {"tiny": model},
            "benchmarks": {"tiny-mme": {"source": "inputs/mme", "task": "mme"}},
        },
        threads=1,
        rule=STAGES[stage],
        log=[str(log)] if log else [],
    )
    if kill is not None:
        _kill_at(kill)
    script = str(ROOT / f"workflow/scripts/{STAGES[stage]}.py")
    runpy.run_path(script, {"snakemake": snakemake}, run_name="__main__")
    logging.shutdown()
    sys.exit(0)


def _kill_at(number: int) -> None:
    replace, calls = os.replace, []

    def replace_or_die(*arguments: Path) -> None:
        calls.append(arguments)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*arguments)

    os.replace = replace_or_die
