"""What a configuration means on a given model."""

import json
from pathlib import Path

import pytest
import yaml
from tiny_study import ROOT

from infohorizon.errors import UserError
from infohorizon.models.geometry import decoder_config
from infohorizon.study import configuration
from infohorizon.units import tokens_of

SCHEDULES = {
    "early": {"stages": [[0.03125, "fastv", 0.5], [0.625, "drop-all", 0]]},
    "merge": {"stages": [[0, "visionzip", 4]]},
}
CONFIG = {
    "schedules": SCHEDULES,
    "schedule_run": {"names": "all"},
    "sweep": {"strategies": ["random", "visionzip"]},
    "strategies": {"mine": {"strategy": "divprune"}},
}


def test_schedules_and_strategies_that_run():
    assert configuration.schedules_of(CONFIG) == ["early", "merge"]
    assert configuration.all_strategies(CONFIG) == ["random", "visionzip", "fastv", "drop-all"]
    assert configuration.merging(CONFIG) == ["visionzip"]
    one = {**CONFIG, "schedule_run": {"names": ["early"]}, "sweep": {"strategies": ["mine"]}}
    assert configuration.schedules_of(one) == ["early"]
    assert configuration.all_strategies(one) == ["mine", "fastv", "drop-all"] and configuration.merging(one) == []


def test_a_fractional_layer_below_the_first_possible_one_means_that_one():
    assert configuration.stages_of(CONFIG, "early", 32) == [[1, "fastv", 0.5], [20, "drop-all", 0]]
    assert configuration.stages_of(CONFIG, "early", 8) == [[1, "fastv", 0.5], [5, "drop-all", 0]]
    assert configuration.stages_of(CONFIG, "merge", 8) == [[0, "visionzip", 4]]


@pytest.mark.parametrize(
    ("specs", "depth", "layers"),
    [
        ([0.21875, 0.28125, 0.375], 32, [7, 9, 12]),
        ([0.21875, 0.28125, 0.375], 8, [2, 3, 4]),
        ([0.5, 0.5], 8, [4, 4]),  # not ascending, so a mistake: left for the check to refuse
        ([2, 0.25], 8, [2, 2]),
    ],
)
def test_ascending_fractions_that_fall_on_one_layer(specs, depth, layers):
    schedules = {"x": {"stages": [[spec, "random", 0.5] for spec in specs]}}
    stages = configuration.stages_of({"strategies": {}, "schedules": schedules}, "x", depth)
    assert [layer for layer, _, _ in stages] == layers


PUBLISHED = {  # name → depth, tokens of an image, and at which layers how many are left in the authors' own code
    "fastv-50": (32, 576, [(2, 288)]),
    "sparsevlm-192": (32, 576, [(3, 300), (7, 200), (16, 110)]),
    "sparsevlm-128": (32, 576, [(3, 303), (7, 110), (16, 36)]),
    "sparsevlm-96": (32, 576, [(3, 238), (7, 48), (16, 26)]),
    "sparsevlm-64": (32, 576, [(3, 66), (7, 30), (16, 17)]),
    "pyramiddrop": (32, 576, [(8, 288), (16, 144), (24, 72)]),
    "visionzip-64": (32, 576, [(0, 64)]),
    "holov-64": (32, 576, [(0, 64)]),
    "fastervlm-58": (32, 576, [(0, 58)]),
    "vispruner-64": (32, 576, [(0, 64)]),
    "hiprune-64": (32, 576, [(0, 64)]),
    "vscan-64": (32, 576, [(0, 96), (16, 32)]),
    "apet-64": (32, 576, [(0, 96), (16, 32)]),
    "v2drop": (32, 576, [(3, 288), (17, 144), (22, 0)]),
    "v2drop-qwen": (28, 1200, [(3, 300), (16, 15), (22, 0)]),
    "transprune": (32, 576, [(7, 504), (9, 360), (12, 72)]),
    "entropyprune-192": (32, 576, [(2, 166)]),
    "entropyprune-qwen": (28, 1000, [(1, 222)]),
    "vscan-qwen": (28, 600, [(0, 100), (14, 33)]),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_schedules_of_the_catalogue_are_the_authors(name):
    depth, count, expected = PUBLISHED[name]
    stages = configuration.stages_of(yaml.safe_load((ROOT / "config.yaml").read_text()), name, depth)
    assert [(layer, tokens_of(keep, count)) for layer, _, keep in stages] == expected


def test_strategies_that_read_several_layers():
    own = {"early": {"strategy": "fastv", "read": 1}, "half": {"strategy": "fastv", "read": 0.5}}
    own |= {"grid": {"strategy": "feather", "stride": 3, "read": 2}, "alias": "holov"}
    swept = ["random", "fastv", "early", "half", "feather", "grid", "holov", "alias"]
    config = {"strategies": own, "sweep": {"strategies": swept}}
    assert configuration.read_layers(config) == {"fastv": {"fastv": (None, 1), "early": (1, 1), "half": (0.5, 1)}}


def test_a_strategy_acts_no_lower_than_it_reads():
    """A fractional layer below what is read means the first possible one, as for all strategies."""
    config = {**CONFIG, "strategies": {"late": {"strategy": "fastv", "read": 3}}}
    config["schedules"] = {"early": {"stages": [[0.1, "late", 0.5]]}}
    assert configuration.stages_of(config, "early", 8) == [[3, "late", 0.5]]


def test_depth_of_a_folder_as_the_hub_has_it(tmp_path, monkeypatch):
    """LLaVA-1.5-7B's config.json does not name its depth, Qwen2.5-VL's has no text_config."""
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    for content, depth in (
        ({"text_config": {"model_type": "llama", "vocab_size": 32064}}, 32),
        ({"model_type": "qwen2_5_vl", "num_hidden_layers": 28, "vision_config": {"depth": 32}}, 28),
    ):
        Path("model/config.json").write_text(json.dumps(content))
        assert configuration.depth_of("small", {"source": "model"}) == depth
        assert decoder_config(content)["num_hidden_layers"] == depth
    for content in ("{", "[]", "{}", '{"text_config": {"model_type": "other"}}'):
        Path("model/config.json").write_text(content)
        with pytest.raises(UserError, match="model holds no model"):
            configuration.depth_of("small", {"source": "model"})


def test_a_source_of_the_project_is_found_from_another_folder(tmp_path, monkeypatch):
    (tmp_path / "project/data").mkdir(parents=True)
    (tmp_path / "here/own").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    sources = {"data": "data", "own": "own", "hub": "owner/name"}
    config = {"models": {name: {"source": source} for name, source in sources.items()}, "benchmarks": {}}
    configuration.resolve(config, tmp_path / "project")
    resolved = {name: settings["source"] for name, settings in config["models"].items()}
    assert resolved == {"data": str(tmp_path / "project/data"), "own": "own", "hub": "owner/name"}


def test_a_tilde_is_the_home_folder_for_every_rule(tmp_path, monkeypatch):
    """Snakemake takes it for a folder of that name, so the rules never see one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config = {
        "models": {"own": {"source": "~/adapter"}, "hub": {"source": "owner/name"}},
        "benchmarks": {"own": {"source": "~/data"}},
        "strategies": {"mine": {"strategy": "kept", "file": "~/{model}/k.parquet"}, "bare": {"strategy": "kept"}},
        "sweep": {"strategies": ["bare"]},
        "schedules": {"compared": {"stages": [[0, "mine", 2]]}},
        "schedule_run": {"names": []},
        "recommend": {"schedules": ["compared"]},  # its strategies are looked up whatever is run
    }
    configuration.resolve(config, tmp_path / "project")
    assert config["models"] == {"own": {"source": f"{tmp_path}/adapter"}, "hub": {"source": "owner/name"}}
    assert config["benchmarks"] == {"own": {"source": f"{tmp_path}/data"}}
    expected = {"mine": f"{tmp_path}/llava/k.parquet", "bare": ""}
    assert configuration.kept_files(config, "llava", "mme") == expected
    own = configuration.own_strategies(config, "llava", "mme")
    assert {name: setting["file"] for name, setting in own.items()} == expected


def test_which_architecture_a_model_may_need(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llava"}')
    assert configuration.architectures({"source": str(tmp_path)}) == ["llava"]
    assert configuration.architectures({"source": "owner/name"}) == [
        "internvl",
        "llava",
        "qwen2_5_vl",
        "qwen2_vl",
        "qwen3_vl",
    ]
