"""Folders of random weights are what the hub's are, and a job's log and benchmark file are read for what it took."""

import json
import logging
import resource
import sys
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import rehearsal
from hub_models import HUB_MODELS
from random_folder import SCALE, write

from infohorizon import models
from infohorizon.models import known_ids
from infohorizon.models.base import VICUNA_V1
from infohorizon.models.geometry import geometry
from infohorizon.pipeline import job
from infohorizon.pipeline.job import run
from infohorizon.study.catalogue import MODELS

SMALL = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "initializer_range": 0.3,
}  # fmt: skip
SMALL_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL_QWEN_TOWER = {
    "hidden_size": 32, "intermediate_size": 64, "depth": 2, "num_heads": 2, "out_hidden_size": 64,
    "fullatt_block_indexes": [1],
}  # fmt: skip
NAMES = {  # of the hub's files, two each
    "llava": ("language_model.model.layers.1.mlp.up_proj.weight", "vision_tower.vision_model.post_layernorm.weight"),
    "qwen2_5_vl": ("model.layers.1.mlp.up_proj.weight", "visual.merger.ln_q.weight"),
}


def small(source):
    """A model of the hub with the same files and few weights."""
    model = HUB_MODELS[source]
    config = deepcopy(model.config)
    config.get("text_config", config).update(SMALL)
    config["vision_config"].update(SMALL_QWEN_TOWER if "qwen2_5" in config["model_type"] else SMALL_TOWER)
    if "rope_scaling" in config:
        config["rope_scaling"] = {"type": "mrope", "mrope_section": [2, 3, 3]}
    return model._replace(config=config, shard=8e6)


@pytest.mark.parametrize("source", ["llava-hf/llava-1.5-7b-hf", "Qwen/Qwen2.5-VL-7B-Instruct"])
def test_a_folder_has_the_hub_s_names_in_shards_and_loads(source, tmp_path):
    prompt = VICUNA_V1.replace("{image}", "<image>").replace("{question}", known_ids.QUESTION)
    model = small(source)
    write(tmp_path, model, [prompt])
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())["weight_map"]
    name, another = NAMES[model.config["model_type"]]
    assert {name, another} <= index.keys() and len(set(index.values())) > 1
    with safe_open(tmp_path / index[name], "pt") as shard:
        weights = shard.get_tensor(name)
    assert weights.dtype == getattr(torch, model.config["torch_dtype"])
    assert float(weights.float().std()) == pytest.approx(SCALE, rel=0.1)

    known = known_ids.KNOWN[source]
    loaded = models.load(str(tmp_path), {"prompt": known.prompt})
    assert len(loaded.language_model.embed.weight) == model.config.get("text_config", model.config)["vocab_size"]
    assert torch.equal(loaded.language_model.layers[1].mlp.up_proj.weight, weights.float())
    assert tuple(loaded.token_ids(known_ids.QUESTION)) == known.ids


@pytest.mark.parametrize("source", HUB_MODELS)
def test_sizes_are_the_catalogue_s(source):
    assert geometry(HUB_MODELS[source].config) == geometry(MODELS[source])
    assert geometry(rehearsal.adapted(HUB_MODELS[source], layers=4).config).layers == 4


def test_what_a_job_took_is_read_from_its_log_and_benchmark_file(tmp_path):
    place = Path("sweep_strategies/some-model") / rehearsal.BENCHMARK
    timing, log = tmp_path / "timings" / place / "0.tsv", tmp_path / "logs" / place / "0.log"
    timing.parent.mkdir(parents=True)
    timing.write_text("s\tmax_rss\n31.5\t900\n")
    empty = dict.fromkeys(("input", "params", "config", "wildcards", "threads"))
    before = logging.root.handlers[:]
    try:
        run(
            lambda _: job.log.info("some-model on vm, cpu, bfloat16"),
            SimpleNamespace(**empty, output=[], rule="x", log=[log]),
        )
    finally:
        logging.root.handlers[:] = before
    took = rehearsal.taken(tmp_path, "sweep_strategies", "some-model")
    assert took.seconds == 31.5 == took.starting + took.working and 0 <= took.working < 5
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert took.memory == pytest.approx(peak, abs=1e7)
    assert rehearsal.taken(tmp_path, "sweep_strategies", "another") is None
