"""Every mistake in a configuration that can be known before a job starts: one sentence that names the key."""

import json
from pathlib import Path

import pytest
import yaml
from snakemake.utils import validate
from tiny_study import full_study, merged

from infohorizon import schema
from infohorizon.errors import UserError
from infohorizon.study import checks
from infohorizon.study.plan import page
from infohorizon.units import layers_of

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The full study for one model of eight layers; the working directory is empty but for it."""
    config = full_study()
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text(
        json.dumps({"model_type": "llava", "text_config": {"num_hidden_layers": 8}})
    )
    config["models"]["small"] = {"source": "model"}
    config["run"] = {"models": ["small"], "benchmarks": ["reading"]}
    monkeypatch.chdir(tmp_path)
    return config


def complain(config):
    """The sentence that a configuration gets."""
    with pytest.raises(UserError) as caught:
        schema.check(config, SCHEMA)
        validate(config, str(SCHEMA))
        checks.check(config)
    text = str(caught.value)
    assert "\n" not in text and text.endswith((".", "?"))
    return text


def test_the_shipped_configurations_pass(config, monkeypatch):
    schema.check(config, SCHEMA)
    validate(config, str(SCHEMA))
    checks.check(config)
    monkeypatch.chdir(ROOT)
    base = yaml.safe_load(Path("config.yaml").read_text())
    for study in [{}, *(yaml.safe_load(file.read_text()) for file in Path("studies").glob("*.yaml"))]:
        schema.check(merged(base, study), SCHEMA)
    paper = merged(base, yaml.safe_load(Path("studies/paper.yaml").read_text()))
    validate(paper, str(SCHEMA))
    checks.check(paper)
    layers = paper["information"]["layers"]
    assert layers_of(layers, 32) == list(range(1, 32))
    assert layers_of(layers, 28) == list(range(1, 28))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ladder", "qwen2.5-vl-3b 392, qwen2.5-vl-7b 392, qwen2.5-vl-32b 392"),
        (
            "laptop",
            "laptop-textvqa (from the catalogue): 200 questions, 127 images; visual tokens of each: "
            "llava-interleave-0.5b 729, qwen2.5-vl-3b 512",
        ),
    ],
)
def test_studies_of_published_models_have_a_plan(name, said, monkeypatch):
    monkeypatch.chdir(ROOT)
    base, changes = (yaml.safe_load(Path(file).read_text()) for file in ("config.yaml", f"studies/{name}.yaml"))
    study = merged(base, changes)
    validate(study, str(SCHEMA))
    checks.check(study)
    printed = page(study, {})
    assert said in printed and "measure_information" in printed


def test_what_recommend_needs_is_asked_for_by_recommend_alone(config):
    changes = {"sweep": {"strategies": ["information", "copy"]}, "recommend": {"schedules": []}}
    changes |= {"strategies": {"copy": {"strategy": "random", "match": "fastv"}}}
    config = merged(config, changes)
    schema.check(config, SCHEMA)
    validate(config, str(SCHEMA))
    checks.check(config)
    with pytest.raises(UserError, match=r"^recommend: sweep.strategies has none that can be recommended .*random\.$"):
        checks.check_recommend(config)
    config["sweep"]["strategies"].append("random")
    checks.check_recommend(config)
    late = {"late": {"stages": [[0.5, "random", 0.5], [9, "drop-all", 0]], "positions": "original"}}
    config = merged(config, {"schedules": late, "recommend": {"schedules": ["late"]}})
    checks.check(config)
    with pytest.raises(UserError, match=r"^schedules.late: small has no layer 9; its layers are 0 to 7\.$"):
        checks.check_recommend(config)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"recommend": {"budgets": [0.5, 1]}}, "recommend.budgets.1: 1 is not valid; it must be a share of the unp"),
        ({"recommend": {"stages": 4}}, "recommend.stages: 4 is not valid; it must be at most 3."),
        (
            {"recommend": {"schedules": ["divprun-64"]}},
            "recommend.schedules: there is no 'divprun-64': did you mean 'd",
        ),
        (
            {"recommend": {"tries": "6"}},
            "recommend.tries: '6' is not valid; it must be a whole number. In braces after --config, Snakemake reads ",
        ),
        (
            {"compile": "true"},
            "compile: 'true' is not valid; it must be true or false. After --config, Snakemake reads true and false as",
        ),
        (
            {"longest_job": 0},
            "longest_job: 0 is not valid; it must be a number of minutes from 1, or null for no limit.",
        ),
        ({"resutls": "x"}, "resutls is not a key of the configuration: did you mean 'results'?"),
        ({"sweep": {"layer": [1]}}, "sweep.layer is not a key of the configuration: did you mean 'layers'?"),
        ({"models": {"x": {"dtype": "float32"}}}, "models.x.source is missing."),
        (
            {"models": {"x": {"source": "y", "dtype": "fp16"}}},
            "models.x.dtype: 'fp16' is not valid; it must be one of ",
        ),
        ({"run": {"models": "small"}}, "run.models: 'small' is not valid; it must be a list."),
        ({"run": {"benchmarks": []}}, "run.benchmarks: [] is not valid; it must be a list of at least 1."),
        (
            {"run": {"benchmarks": ["reading"] * 2}},
            "run.benchmarks: ['reading', 'reading'] is not valid; it must be a list w",
        ),
        ({"sweep": {"keep": [0]}}, "sweep.keep.0: 0 is not valid; it must be a number of tokens from 1, or a fraction"),
        ({"sweep": {"keep": [2, 1.0]}}, "sweep.keep.1: 1.0 is not valid; it must be a number of tokens from 1, or a f"),
        (
            {"answers": {"downsample": [0]}},
            "answers.downsample.0: 0 is not valid; it must be a number of tokens from 1, ",
        ),
        ({"answers": {"downsample": 0.5}}, "answers.downsample: 0.5 is not valid; it must be a list"),
        ({"sweep": {"keep": [True]}}, "sweep.keep.0: True is not valid; "),
        ({"sweep": {"layers": [1.5]}}, "sweep.layers: [1.5] is not valid; it must be all, or a list of layers"),
        (
            {"removals": {"names": ["knockout"]}},
            "removals.names.0: 'knockout' is not valid; it must be one of delete, zero, mean, text",
        ),
        ({"sweep": {"limit": 0}}, "sweep.limit: 0 is not valid; it must be a number of questions from 1, or null for "),
        (
            {"schedules": {"x": {"stages": [[1, "random"]]}}},
            "schedules.x.stages.0: [1, 'random'] is not valid; it must",
        ),
        ({"schedules": {"x": {"stages": [[1, "random", 1.0]]}}}, "schedules.x.stages.0.2: 1.0 is not valid; "),
        ({"horizon": {"confidence": 95}}, "horizon.confidence: 95 is not valid; it must be below 1."),
        ({"shards": 0}, "shards: 0 is not valid; it must be at least 1."),
        ({"batch_size": 0}, "batch_size: 0 is not valid; it must be auto, or a number of rows from 1."),
        ({"results": "my results"}, "results: 'my results' is not valid; it must be a path of letters, digits and . _"),
        ({"models": {"x": {"source": ""}}}, "models.x.source: '' is not valid; it must be non-empty text."),
    ],
)
def test_what_the_schema_refuses(changes, expected, config):
    assert complain(merged(config, changes)).startswith(expected)


@pytest.mark.parametrize("name", ["a/b", "..", ".", "a b", "a\n", "-a", "", "a" * 101, "ä"])
@pytest.mark.parametrize("section", ["models", "benchmarks", "schedules", "strategies"])
def test_names_become_folders(name, section, config):
    entry = {"source": "x", "task": "mme"} if section == "benchmarks" else {"source": "x"}
    config[section] = {**config[section], name: "x.py" if section == "strategies" else entry}
    assert complain(config).startswith(f"{section}: {name!r} is not valid; it must be a name of letters, digits and")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"run": {"models": ["smal"]}}, "run.models: there is no 'smal': did you mean 'small'?"),
        ({"run": {"benchmarks": ["raeding"]}}, "run.benchmarks: there is no 'raeding': did you mean 'reading'?"),
        ({"run": {"benchmarks": ["zzz"]}}, "run.benchmarks: there is no 'zzz': known are knowledge, perception, "),
        ({"benchmarks": {"reading": {"task": "redaing"}}}, "benchmarks.reading.task: there is no 'redaing': did you "),
        ({"benchmarks": {"reading": {"source": "./no"}}}, "benchmarks.reading.source: ./no does not exist; give a "),
        ({"models": {"small": {"source": "./no"}}}, "models.small.source: the folder ./no does not exist; give a fo"),
        ({"models": {"small": {"source": "."}}}, "models.small.source: . holds no model; it needs a config.json"),
        ({"models": {"small": {"source": "a/b"}}}, "models.small.depth is missing: give the number of decoder layers"),
        ({"models": {"small": {"depth": 9}}}, "models.small.depth is 9, but model has 8 layers; correct it or leave"),
        ({"models": {"small": {"prompt": "{image} hi"}}}, "models.small.prompt: use chat_template, vicuna_v1, or a t"),
        ({"models": {"small": {"min_pixels": 9, "max_pixels": 8}}}, "models.small on reading: min_pixels (9) exceed"),
        ({"sweep": {"strategies": ["fastvv"]}}, "sweep.strategies: there is no 'fastvv': did you mean 'fastv'?"),
        (
            {"strategies": {"o": {"strategy": "information", "by": "half"}}, "sweep": {"strategies": ["o"]}},
            "strategies: o: by is 'half'; it must be first token or whole answer.",
        ),
        (
            {"strategies": {"o": {"strategy": "divprune", "fithful": 1}}, "sweep": {"strategies": ["o"]}},
            "strategies: o: DivPrune has no option fithful",
        ),
        ({"sweep": {"strategies": ["random", "fastvv"]}}, "sweep.strategies: there is no 'fastvv'"),
        (
            {"sweep": {"strategies": ["fastv", "fastv"]}},
            "sweep.strategies: ['fastv', 'fastv'] is not valid; it must be a list without duplicates.",
        ),
        ({"sweep": {"layers": [8]}}, "sweep.layers: small has no layer 8; its layers are 0 to 7."),
        ({"information": {"layers": [8]}}, "information.layers: small has no layer 8; its layers are 0 to 7."),
        ({"removals": {"layers": [8]}}, "removals.layers: small has no layer 8; its layers are 0 to 7."),
        ({"states": {"layers": [8]}}, "states.layers: small has no layer 8; its layers are 0 to 7."),
        (
            {"information": {"removal": "mean", "positions": "contiguous"}},
            "information.positions is contiguous, but no token leaves where information.removal is mean; set it to",
        ),
        (
            {"sweep": {"layers": [0, 1]}},
            "sweep.layers: strategy 'random-as-dart' reads what the layer before computes",
        ),
        (
            {"strategies": {"x": {"strategy": "fastv", "read": 4}}, "sweep": {"strategies": ["x"], "layers": [3, 5]}},
            "sweep.layers: strategy 'x' reads what layer 4 computes and cannot act at layer 3; use layers from 4 on",
        ),
        (
            {"strategies": {"x": {"strategy": "dart", "read": 0.5}}, "sweep": {"strategies": ["x"], "layers": [4]}},
            "sweep.layers: strategy 'x' reads what layer 4 gives out and cannot act at layer 4; use layers from 5",
        ),
        (
            {"strategies": {"x": {"strategy": "fastv", "read": 8}}, "sweep": {"strategies": ["x"]}},
            "strategies.x.read: small has no layer 8; its layers are 0 to 7.",
        ),
        (
            {"strategies": {"x": {"strategy": "fastv", "read": -1}}, "sweep": {"strategies": ["x"]}},
            "strategies: x: read is -1; give a layer's number from 0 on, or a fraction of the depth below 1.",
        ),
        (
            {"strategies": {"x": {"strategy": "holov", "read": 1}}, "sweep": {"strategies": ["x"]}},
            "strategies: x: HoloV has no option read.",
        ),
        ({"schedule_run": {"names": ["divprun-64"]}}, "schedule_run.names: there is no 'divprun-64': did you mean 'd"),
        ({"strategies": {"mine": "gone.py"}, "sweep": {"strategies": ["mine"]}}, "strategies: gone.py does not exist."),
        ({"strategies": {"mine": {"strategy": "fast"}}, "sweep": {"strategies": ["mine"]}}, "strategies: mine: 'fast'"),
        (
            {"answers": {"limit": 150}},
            "information.limit (200) exceeds answers.limit (150), but it compares every questi",
        ),
        (
            {"answers": {"limit": 300}, "schedule_run": {"limit": None}},
            "schedule_run.limit (all) exceeds answers.limit (300), but it compares every question with its unpruned",
        ),
        ({"information": {"limit": 50}}, "sweep.limit (200) exceeds information.limit (50), but strategy 'informatio"),
        ({"sweep": {"limit": None}}, "sweep.limit (all) exceeds information.limit (200), but strategy 'information'"),
        ({"information": {"layers": [1, 2]}}, "information.layers lacks layer 3 of small, where strategy 'information"),
    ],
)
def test_what_the_check_refuses(changes, expected, config):
    assert complain(merged(config, changes)).startswith(expected)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([[1, "randon", 2]], "schedules.x: there is no 'randon': did you mean 'random'?"),
        ([[8, "random", 2]], "schedules.x: small has no layer 8"),
        ([[0, "fastv", 2]], "schedules.x: strategy 'fastv' reads what the layer before computes and cannot act"),
        (
            [[3, "random", 4], [2, "random", 2]],
            "schedules.x: layer 2 comes after layer 3 on small (8 layers); give each",
        ),
        ([[3, "random", 4], [0.375, "random", 2]], "schedules.x: layer 3 comes after layer 3 on small"),
        ([[3, "random", 0]], "schedules.x: strategy 'random' cannot keep 0 tokens; use drop-all, or keep at least 1."),
    ],
)
def test_schedules(stages, expected, config):
    changes = {"schedules": {"x": {"stages": stages}}, "schedule_run": {"names": ["x"]}}
    assert complain(merged(config, changes)).startswith(expected)


def test_schedules_that_only_recommend_compares_with_have_strategies_that_there_are(config):
    """Whatever is run, since the rules of `recommend` are read with all others."""
    changes = {"schedule_run": {"names": ["divprune-64"]}, "recommend": {"schedules": ["broken"]}}
    changes |= {"schedules": {"broken": {"stages": [[1, "randon", 2]]}}}
    assert complain(merged(config, changes)) == "schedules.broken: there is no 'randon': did you mean 'random'?"
    changes |= {"schedules": {"broken": {"stages": [[1, "mine", 2]]}}, "strategies": {"mine": "gone.py"}}
    assert complain(merged(config, changes)) == "strategies: gone.py does not exist."


@pytest.mark.parametrize("suffix", [".images", ".kept"])
def test_the_files_of_two_benchmarks_have_different_names(suffix, config):
    places = {"source": "rendered", "task": "places"}
    one = {"places": places, f"reading{suffix}2": places}
    checks.check(merged(config, {"benchmarks": one}))
    two = {**one, f"places{suffix}": places}
    expected = (
        f"benchmarks.places{suffix}: files of places have the same names; choose one that does not end in {suffix}."
    )
    assert complain(merged(config, {"benchmarks": two})) == expected


@pytest.mark.parametrize("name", ["full", "blind"])
def test_nothing_is_called_as_unpruned_answers_are(name, config):
    named = {
        "schedules": {name: {"stages": [[1, "random", 2]]}},
        "strategies": {name: {"strategy": "random", "match": "dart"}},
    }
    for key, entry in named.items():
        expected = f"{key}.{name}: {name} is a condition of the answers; choose another name."
        assert complain(merged(config, {key: entry})) == expected


def test_the_baseline_of_a_schedule_must_run(config):
    schedule = {"stages": [[1, "random", 2]], "baseline": "divprune-64"}
    run = {"schedules": {"x": schedule}, "schedule_run": {"names": ["x"]}}
    assert complain(merged(config, run)) == "schedules.x.baseline: there is no 'divprune-64': known are x."


def test_the_oracle_by_the_whole_answer_needs_the_information_table_too(config):
    oracle = {"strategy": "information", "by": "whole answer"}
    changes = {"strategies": {"whole": oracle}, "sweep": {"strategies": ["random", "whole"]}}
    checks.check(merged(config, changes))
    changes |= {"information": {"limit": 50}}
    assert complain(merged(config, changes)).startswith("sweep.limit (200) exceeds information.limit (50), but strat")


def test_a_schedule_with_the_oracle_needs_its_layers_and_questions(config):
    changes = {"schedules": {"x": {"stages": [[2, "information", 2]]}}, "sweep": {"strategies": ["random"]}}
    changes |= {"schedule_run": {"names": ["x"], "limit": 300}}
    assert complain(merged(config, changes)).startswith("schedule_run.limit (300) exceeds information.limit (200)")
    changes |= {"schedule_run": {"names": ["x"]}, "information": {"layers": [1, 3]}}
    assert complain(merged(config, changes)).startswith("information.layers lacks layer 2 of small")
    changes |= {"information": {"windows": 8}}
    expected = "information.windows is 8, but strategy 'information' in schedule_run needs every window"
    assert complain(merged(config, changes)).startswith(expected)
