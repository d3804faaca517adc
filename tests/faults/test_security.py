"""Configuration and data are untrusted: no name leaves the results folder or runs a command, and text stays text."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from jsonschema import Draft202012Validator

from faults.study import CONFIGURATION, ROOT
from infohorizon import tables
from infohorizon.tables.resumable import Cells, fill

SCHEMA = Draft202012Validator(yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text()))
HOSTILE = [
    "../../etc/passwd", "/etc/passwd", "a/b", "..", ".hidden", "-rf", "", "a b", "a\nb", "a\tb", "a\0b", "it's",
    'say "hi"', "$(touch pwned)", "`touch pwned`", "a;touch pwned", "a|b", "a&b", "a>b", "{wildcards}", "a*", "a?",
    "[a]", "~root", "é", "\u202eelif", "a\\b", "%s", "<b>", "a" * 101,
]  # fmt: skip


def default() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def renamed(section: str, name: str) -> dict:
    """The default configuration with a hostile name where `section` takes one."""
    config = default()
    if section == "results":
        config["results"] = name
    elif section.startswith("run."):
        config["run"][section[4:]] = [name]
    elif section == "sweep":
        config["sweep"]["strategies"] = [name]
    elif section == "strategies":
        config["strategies"] = {name: "mine.py"}
    else:
        config[section][name] = next(iter(config[section].values()))
    return config


def test_the_default_names_are_accepted() -> None:
    assert SCHEMA.is_valid(default())


@pytest.mark.parametrize(
    "section", ["models", "benchmarks", "schedules", "strategies", "sweep", "run.models", "run.benchmarks"]
)
def test_hostile_names_are_refused(section: str) -> None:
    assert [name for name in HOSTILE if SCHEMA.is_valid(renamed(section, name))] == []


def test_a_hostile_results_folder_is_refused() -> None:
    folders = ["a b", "a;b", "$(id)", "`id`", "a\nb", "it's", "{model}", "", "é", "a&b", "a*"]
    assert [folder for folder in folders if SCHEMA.is_valid(renamed("results", folder))] == []


@pytest.mark.parametrize("section", ["models", "run.models", "results"])
def test_a_newline_at_the_end_of_a_name_is_refused(section: str) -> None:
    assert not SCHEMA.is_valid(renamed(section, "name\n"))


def test_snakemake_refuses_before_any_job(tmp_path: Path) -> None:
    """End to end: a name that would be a command, in a configuration file."""
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    name = "x;touch pwned"
    hostile = CONFIGURATION | {"benchmarks": {name: {"source": "rendered", "task": "mme"}}}
    (tmp_path / "study.yaml").write_text(json.dumps(hostile))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"]
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 1 and "Job stats" not in refused.stderr
    assert name in refused.stderr and "pwned" not in {path.name for path in tmp_path.rglob("*")}
    assert not (tmp_path / "results").exists()


TEXTS = [
    *HOSTILE,
    "<script>alert(1)</script>",
    "';DROP TABLE q;--",
    "{{7*7}}",
    "NaN",
    "null",
    "=1+1",
    "\x1b[31m",
    "🏳️‍🌈",
]


def test_hostile_ids_and_answers_go_through_unharmed(tmp_path: Path) -> None:
    """Ids and texts of the data are columns, never file names: all come back, and nothing else appears."""

    def compute(item: str, missing: list[dict]) -> list[dict]:
        found = {"answer": item, "score": 1.0, "label_probability": 0.5, "other_spelling": False}
        found |= {"answer_probability": 0.25, "divergence": 0.0}
        return [key | found for key in missing]

    output = tmp_path / "results/answers/m/b/part-0.arrow"
    wanted = pl.DataFrame({"question_id": TEXTS}).with_columns(condition=pl.lit("full"))
    cells = Cells("answers", wanted, {text: text for text in TEXTS}, {"": "code"})
    fill(output, cells, compute, lambda: {"benchmark": {"source": TEXTS}})
    frame = tables.read(output, "answers")
    assert frame["question_id"].to_list() == frame["answer"].to_list() == TEXTS
    assert tables.read_metadata(output) == {"benchmark": {"source": TEXTS}}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [output, output.parent / ".cells/part-0.cells"]


def test_hostile_image_ids_go_through_unharmed(tmp_path: Path) -> None:
    rows = [{"image_id": text, "image": b"\x89PNG", "width": 1, "height": 1} for text in TEXTS]
    tables.write(tmp_path / "b.images.arrow", "images", rows, {})
    assert tables.read(tmp_path / "b.images.arrow", "images").equals(
        pl.DataFrame(rows, schema={"image_id": pl.String, "image": pl.Binary, "width": pl.Int32, "height": pl.Int32})
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["b.images.arrow"]
