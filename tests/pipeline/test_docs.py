"""Generated documentation is up to date, and what README.md shows works."""

import re
from pathlib import Path

import polars as pl
import pytest

from infohorizon import tables
from infohorizon.pipeline import docs
from infohorizon.strategies import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_data_dictionary_is_up_to_date():
    assert (ROOT / "results" / "README.md").read_text() == docs.data_dictionary(), "run `make docs`"


def test_strategy_table_is_up_to_date():
    assert docs.readme(README) == README, "run `make docs`"


def test_strategy_facts_are_up_to_date():
    assert (ROOT / "docs" / "strategies.md").read_text() == docs.strategy_facts(), "run `make docs`"


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


def test_every_file_the_readme_links_to_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r'src="([^":]+)"', README)
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


@pytest.fixture
def results(tmp_path):
    """The tables that README.md's examples open."""
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


def test_the_readme_s_ways_to_read_tables_work(results, monkeypatch):
    monkeypatch.chdir(results)
    section = README.split("## Read the tables")[1].split("\n## ")[0]
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
