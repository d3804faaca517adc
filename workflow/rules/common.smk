# Names, paths and settings that all rules share. Nothing heavy is imported: this is parsed once per cluster job.

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

if " " in sys.executable:  # Snakemake does not quote it
    raise WorkflowError(
        f"Snakemake cannot run scripts with a Python whose path contains a space ({sys.executable}): "
        "move the clone, or put the environment elsewhere, as in `make VENV=/path/without/spaces`."
    )

LIBRARY = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(LIBRARY))
# Scripts run in processes of their own: this is how they find the library, and how tokenizers stay out of their way.
inherited = filter(None, [os.environ.get("PYTHONPATH")])
os.environ.update(PYTHONPATH=os.pathsep.join([str(LIBRARY), *inherited]))
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")

from infohorizon.study import configuration
from infohorizon.models import hub
from infohorizon.study import schema
from infohorizon import units
from infohorizon import strategies as strategy_registry
from infohorizon.pipeline.digest import code
from infohorizon.errors import UserError

SCHEMA = str(LIBRARY / "schemas" / "config.schema.yaml")
try:
    schema.check(config, SCHEMA)
    validate(config, SCHEMA)  # fills in the defaults
    configuration.check(config)
except UserError as error:
    raise WorkflowError(str(error)) from None

RESULTS = config["results"].rstrip("/")
MODELS = config["run"]["models"]
BENCHMARKS = config["run"]["benchmarks"]
SWEEPS = configuration.sweeps_of(config)
SCHEDULES = configuration.schedules_of(config)
SHARDS = list(range(config["shards"]))
CPU_ENV = "../../envs/cpu.yaml"
GPU_ENV = "../../envs/gpu.yaml"


def names(choices):
    """A wildcard that matches these names only."""
    return "|".join(map(re.escape, choices)) or "(?!)"


wildcard_constraints:
    model=names(config["models"]),
    benchmark=names(config["benchmarks"]),
    strategies=names(SWEEPS),
    schedule=names(SCHEDULES),
    shard=r"\d+",


def parts(stage, **wildcards):
    """Paths of all shards of a stage's table: vision, answers, information, sweep or schedules."""
    levels = ("model", "benchmark", "strategies", "schedule")
    folder = "/".join(
        [RESULTS, stage, *(wildcards[level] for level in levels if level in wildcards)]
    )
    return [f"{folder}/part-{shard}.arrow" for shard in SHARDS]


def model_settings(wildcards):
    return config["models"][wildcards.model]


def gpus(wildcards):
    """GPUs of a job: none where the configuration puts the model on the CPU."""
    return 0 if model_settings(wildcards)["device"] == "cpu" else 1


def growing(start):
    """A resource that grows with each attempt (see `retries` in the profiles)."""
    return lambda wildcards, attempt: start * attempt


def layers(section, first=0):
    """params function: the layers of a section of config.yaml on the wildcard's model."""
    return lambda wildcards: units.layers_of(
        config[section]["layers"],
        configuration.depth_of(wildcards.model, model_settings(wildcards)),
        first,
    )


def strategy_base(name):
    return strategy_registry.source_of(name, config["strategies"])


def own_strategies(names):
    """Those of the configuration's own strategies that are among these names."""
    return {name: value for name, value in config["strategies"].items() if name in names}


def strategy_modules(names):
    """Modules of built-in strategies, for `code`: the registry loads them by name, out of `code`'s sight."""
    registry = strategy_registry.REGISTRY
    bases = sorted(set(map(strategy_base, names)) & set(registry))
    files = [registry[base].location.split(":")[0] for base in bases]
    return [f"strategies.{file}" for file in files]


def strategy_files(names):
    """Users' own strategy files, as inputs: an edit reruns what uses them."""
    return sorted({base for base in map(strategy_base, names) if base.endswith(".py")})


def task_module(wildcards):
    return f"benchmarks.{config['benchmarks'][wildcards.benchmark]['task']}"
