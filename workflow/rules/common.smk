# Names, paths and settings that all rules share. Nothing heavy is imported: this is parsed once per cluster job.

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import validate

if " " in sys.executable:  # Snakemake does not quote it
    raise WorkflowError(
        f"Snakemake cannot run scripts with a Python whose path contains a space ({sys.executable}): "
        "move the clone, or put the environment elsewhere, as in `make VENV=/path/without/spaces`."
    )

# Under `module:` the base directory is another workflow's: this file's own place is what counts.
LIBRARY = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parent
ROOT = LIBRARY.parent
sys.path.insert(0, str(LIBRARY))
# Scripts run in processes of their own: this is how they find the library, and how tokenizers stay out of their way.
inherited = filter(None, [os.environ.get("PYTHONPATH")])
os.environ.update(PYTHONPATH=os.pathsep.join([str(LIBRARY), *inherited]))
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
# The terminal shows jobs: libraries are silent, until a job that opens a model lets transformers write to its log.
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from infohorizon import benchmarks as tasks
from infohorizon import strategies as strategy_registry
from infohorizon import units
from infohorizon.benchmarks import datafiles
from infohorizon.errors import UserError
from infohorizon.models import hub
from infohorizon.pipeline import gpus as machine
from infohorizon.pipeline import progress
from infohorizon.pipeline.digest import code, content
from infohorizon import schema
from infohorizon.study import checks, configuration, protocols, sharding

SCHEMA = str(LIBRARY / "schemas" / "config.schema.yaml")
try:
    schema.check(config, SCHEMA)
    validate(config, SCHEMA)  # fills in the defaults
    configuration.resolve(config, ROOT)
    checks.check(config)
except UserError as error:
    raise WorkflowError(str(error)) from None

# On one machine no more jobs hold a GPU at a time than there are, unless `--resources gpu=…` says otherwise; a cluster
# has limits of its own.
if "gpu" not in workflow.global_resources and not workflow.global_resources["_nodes"].value:
    if cards := machine.visible():
        workflow.register_resource("gpu", len(cards))

RESULTS = config["results"].rstrip("/")
MODELS = config["run"]["models"]
BENCHMARKS = config["run"]["benchmarks"]
REMOVALS = config["removals"]["names"]
STRATEGIES = config["sweep"]["strategies"]
SCHEDULES = configuration.schedules_of(config)
RECOMMEND = config["recommend"]
DOWNSAMPLED = config["answers"]["downsample"]
READ = configuration.read_layers(config)
SHARDS = list(range(config["shards"]))
CPU_ENV = "../../envs/cpu.yaml"
GPU_ENV = "../../envs/gpu.yaml"


def names(choices):
    """A wildcard that matches these names only."""
    return "|".join(map(re.escape, choices)) or "(?!)"


wildcard_constraints:
    model=names(config["models"]),
    benchmark=names(config["benchmarks"]),
    shard=r"\d+",


def parts(stage, model, benchmark):
    """Paths of all shards of a stage's table, such as vision or answers."""
    return [f"{RESULTS}/{stage}/{model}/{benchmark}/part-{shard}.arrow" for shard in SHARDS]


def parts_of_run(stage, ran=True):
    """Paths of a stage's tables for every model and benchmark of the run; none where nothing of it is asked for."""
    return [path for m in MODELS for b in BENCHMARKS for path in parts(stage, m, b)] if ran else []


def model_settings(wildcards):
    return config["models"][wildcards.model]


def gpus(wildcards):
    """GPUs of a job: none where the configuration puts the model on the CPU."""
    return 0 if model_settings(wildcards)["device"] == "cpu" else 1


def growing(start):
    """A resource that grows with each attempt (see `retries` in the profiles)."""
    return lambda wildcards, attempt: start * attempt


def minutes(start):
    """A job's time limit, which grows likewise, up to the longest that the partition allows."""
    longest = config["longest_job"] or float("inf")
    return lambda wildcards, attempt: min(start * attempt, longest)


def depth(wildcards):
    """Decoder layers of the wildcard's model."""
    return configuration.depth_of(wildcards.model, model_settings(wildcards))
