"""Generated documentation is up to date, and what the data dictionary shows works."""

import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from infohorizon import tables
from infohorizon.pipeline import docs
from infohorizon.strategies import REGISTRY

ROOT = Path(__file__).resolve().parents[2]


def test_data_dictionary_is_up_to_date():
    assert (ROOT / "results" / "README.md").read_text() == docs.data_dictionary(), "run `make docs`"


@pytest.mark.parametrize("file", docs.PARTS)
def test_generated_parts_are_up_to_date(file):
    assert docs.fresh(file) == (ROOT / file).read_text(), "run `make docs`"


def test_the_results_have_a_place():
    for file in ("README.md", "docs/results.md"):
        between = docs.between((ROOT / file).read_text(), "results", "what was found")
        assert between.count("what was found") == 1


def test_every_strategy_has_a_row_with_its_facts():
    rows = {row[0].strip(" `"): row for line in docs.strategy_facts().splitlines() if (row := line.split("|")[1:-1])}
    assert list(rows)[2:] == list(REGISTRY) and {len(row) for row in rows.values()} == {9}
    assert [cell.strip() for cell in rows["fastv"][2:8]] == [
        "1",
        "at most the layer",
        "layer 2",
        "yes",
        "none",
        "equal",
    ]
    for name in REGISTRY:
        recorded = (ROOT / "tests/data/golden" / f"{name.replace('-', '_')}.safetensors").is_file()
        assert rows[name][7].strip() == ("equal" if recorded else "–"), name


def test_every_setting_is_in_the_reference():
    text = docs.configuration(ROOT)
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    sections = dict(re.findall(r"^## `(\w+)`$(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert list(sections) == list(config)
    for name in ("answers", "information", "removals", "states", "sweep", "horizon", "recommend"):
        rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.+) \|$", sections[name], re.M))
        assert list(rows) == list(config[name]), name
    assert "| `window` | `2` | a whole number from 1 | Side of a window, in visual tokens" in sections["information"]
    assert "| `limit` | a number of questions from 1, or null for all | – |" in sections["benchmarks"]
    assert "In config.yaml: `0`. Allowed: a whole number from 0." in sections["seed"]
    assert "  pope: {source: " in sections["benchmarks"]


@pytest.fixture
def results(tmp_path):
    """The tables that the data dictionary's examples open."""
    answers = [
        dict.fromkeys(tables.TABLES["answers"].columns)
        | {"question_id": f"q{i}", "condition": c, "answer": "a", "score": float(c == "full")}
        for i in range(2)
        for c in ("full", "blind")
    ]
    where = tmp_path / "results"
    tables.write(where / "answers/smol-llava/places/part-0.arrow", "answers", answers, {})
    columns = tables.TABLES["information"].columns
    row = {name: 1 if name in ("layer", "window") else 0.25 for name in columns} | {"question_id": "q0"}
    tables.write(where / "information/smol-llava/places/part-0.arrow", "information", [row], {})
    tables.write(where / "horizon.arrow", "horizon", [], {"stage": "horizon"})
    return tmp_path


def test_the_data_dictionary_s_ways_to_read_tables_work(results, monkeypatch):
    monkeypatch.chdir(results)
    section = docs.HEAD.split("## Read the tables")[1]
    blocks = re.findall(r"```python\n(.*?)```", section, re.S)
    assert len(blocks) == 3
    last = {}
    for block in blocks:
        *lines, expression = block.strip().splitlines()
        scope: dict = {}
        exec("\n".join(lines), scope)
        last[expression] = eval(expression.split("  #")[0], scope)
    polars, metadata, duck = last.values()
    assert polars.rows() == [(1, 0.25)]
    assert metadata == {"stage": "horizon"}
    assert sorted(duck.fetchall()) == [("blind", 0.0), ("full", 1.0)]
    assert pl.read_ipc("results/horizon.arrow").columns == list(tables.TABLES["horizon"].columns)
