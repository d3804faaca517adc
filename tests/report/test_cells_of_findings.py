"""Verdicts follow from findings.arrow alone, and what the page derives from several rows says what the tables say."""

import html
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from page_cells import Rows, TablesOfPage, horizon, keep, read, rows_of, same
from test_report import files_of, page_of

from figures.synthetic import Study
from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.collapse import collapse_layer
from infohorizon.analysis.findings import CLAIMS, FAILS, HOLDS, OPEN, UNMEASURED
from infohorizon.report.build import Files

VERDICT = re.compile(
    r'<h3>\d\. (.+?): <span class="verdict ([\w-]+)">(.+?) for these models</span></h3>\s*<p>(.+?)</p>'
)


@pytest.fixture(scope="module")
def files(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of(study, tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def text(study: Study, files: Files) -> str:
    return page_of(study, files)


@pytest.fixture(scope="module")
def shown(text: str) -> dict[str, Rows]:
    return TablesOfPage(text).tables


def changed(path: str, folder: Path, frame: pl.DataFrame) -> str:
    """A copy of a table of the study with other rows."""
    copy = str(folder / Path(path).name)
    tables.write(copy, Path(path).stem, frame.to_dicts(), tables.read_metadata(path))
    return copy


def verdicts(text: str) -> list[tuple[str, ...]]:
    found = [tuple(html.unescape(part) for part in match.groups()) for match in VERDICT.finditer(text)]
    assert all(style == words.replace(" ", "-") for _, style, words, _ in found)
    return [(title, words, counts) for title, _, words, counts in found]


def said(findings: pl.DataFrame) -> list[tuple[str, ...]]:
    """Title, decision and counts of each claim by the criterion that decides, at the configured threshold."""
    return [
        findings.filter(pl.col("model").is_null(), claim=claim.name, criterion=claim.criteria[0], factor=1.0)
        .select("title", "decision", "evidence")
        .row(0)
        for claim in CLAIMS
    ]


def test_verdicts_follow_from_the_findings_alone(study: Study, files: Files, text: str, tmp_path: Path) -> None:
    """Other decisions in findings.arrow are the page's; other horizons, comparisons and metrics change no verdict."""
    findings = tables.read(study.findings, "findings")
    assert verdicts(text) == said(findings) and len(CLAIMS) == len(said(findings))
    turned = {HOLDS: FAILS, FAILS: UNMEASURED, OPEN: HOLDS, UNMEASURED: OPEN}
    other = findings.with_columns(pl.col("decision").replace_strict(turned), evidence=pl.lit("As it was written."))
    page = page_of(study, replace(files, findings=changed(study.findings, tmp_path, other)))
    assert verdicts(page) == said(other) != said(findings)
    cases = [row for caption, rows in TablesOfPage(page).tables.items() if caption.startswith("Cases") for row in rows]
    assert cases and {row["evidence"] for row in cases} == {"As it was written."}
    assert {row["decision"] for row in cases} <= set(other.filter(pl.col("model").is_not_null())["decision"])

    horizons = tables.read(study.horizon, "horizon").with_columns(layer="depth", low="depth", high="depth")
    comparison = tables.read(study.comparison, "comparison").with_columns(difference=0.5, p_value=0.0, p_holm=0.0)
    page = page_of(
        study,
        replace(
            files,
            horizon=changed(study.horizon, tmp_path, horizons),
            comparison=changed(study.comparison, tmp_path, comparison),
            metrics=changed(study.metrics, tmp_path, tables.read(study.metrics, "metrics").with_columns(value=0.0)),
        ),
    )
    assert verdicts(page) == said(findings)
    assert "more than 10% of that is left at the last layer" in page, "the sentences follow from the horizons"


def test_other_criteria_and_thresholds(study: Study, shown: dict[str, Rows]) -> None:
    findings = tables.read(study.findings, "findings").filter(pl.col("model").is_null())
    several = [claim for claim in CLAIMS if len(claim.criteria) > 1]
    assert sum(caption.startswith("Under other criteria") for caption in shown) == len(several) > 1
    for claim in several:
        rows = rows_of(shown, f"Under other criteria and thresholds: {claim.title}")
        assert [row["criterion"] for row in rows] == list(claim.criteria)
        for row in rows:
            expected = findings.filter(claim=claim.name, criterion=row["criterion"]).sort("factor")
            assert list(row.values())[1:] == expected["decision"].to_list()
            assert list(row)[1:] == [
                f"{name} × threshold" for name in ("½", "1", "2") if expected.height > 1 or name == "1"
            ]


def test_several_removals(study: Study, shown: dict[str, Rows]) -> None:
    expected = [own for own in read(study.horizon) if own["removal"] and own["factor"] == 1.0]
    rows = rows_of(shown, "One horizon, several removals")
    for own in expected:
        (row,) = [row for row in rows if all(row[name] == own[name] for name in ("model", "benchmark", "criterion"))]
        assert horizon(row[own["removal"]], own)
    assert len(expected) == sum(len(row) - 3 for row in rows) > 0


def test_the_entropy_collapse(study: Study, shown: dict[str, Rows]) -> None:
    states = observations.states(study.paths["states"], observations.questions(study.questions))
    for row in rows_of(shown, "Horizons at the configured"):
        own = states.filter(model=row["model"], benchmark=row["benchmark"])
        entropy = dict(own.group_by("layer").agg(pl.col("entropy").mean()).iter_rows())
        assert row["entropy collapse"] == f"layer {collapse_layer(entropy)}"


def test_the_best_of_the_strategies(study: Study, shown: dict[str, Rows]) -> None:
    every = tables.read(study.metrics, "metrics").filter(
        pl.col("benchmark").is_not_null(), pl.col("own"), pl.col("layer").is_null(), condition="strategy", category=""
    )
    cells = every.filter(pl.col("keep") > 0).partition_by("model", "benchmark", "keep")
    rows = rows_of(shown, "The best of the strategies")
    assert len(rows) == len(cells) > 0
    for own in cells:
        name = {"model": own["model"][0], "benchmark": own["benchmark"][0]}
        (row,) = [one for one in rows if name.items() <= one.items() and keep(one["keep"], own["keep"][0])]
        methods = own.filter(~pl.col("name").is_in(["random", "information"]))
        best = methods.row(methods["value"].arg_max(), named=True)
        assert (row["the best"], int(row["strategies"])) == (best["name"], methods.height)
        beside = {"its value": best["name"], "random": "random", "information (oracle by first token)": "information"}
        for head, strategy in beside.items():
            assert same(row[head], *own.filter(name=strategy).select("value", "low", "high").row(0))
        assert same(row["unpruned"], best["full"])


def test_images_at_lower_resolution(study: Study, shown: dict[str, Rows]) -> None:
    metrics = tables.read(study.metrics, "metrics").filter(
        pl.col("benchmark").is_not_null(), pl.col("own"), category=""
    )
    expected = metrics.filter(condition="downsample").to_dicts()
    rows = rows_of(shown, "Beside pruning")
    assert len(rows) == len(expected) > 0
    for row, own in zip(rows, expected, strict=True):
        assert (row["model"], row["benchmark"]) == (own["model"], own["benchmark"]) and keep(row["keep"], own["keep"])
        assert same(row["visual tokens"], own["tokens"]) and same(row["questions"], own["questions"])
        assert same(row["image at lower resolution"], own["value"], own["low"], own["high"])
        ends = [own[f"difference{end}"] for end in ("", "_low", "_high")]
        assert same(row["difference to unpruned"], *ends)
        name = {key: own[key] for key in ("model", "benchmark", "keep")} | {"name": "random", "condition": "strategy"}
        random = metrics.filter(pl.col("layer").is_null(), **name).row(0, named=True)
        assert same(row["random pruning"], random["value"], random["low"], random["high"])
        assert same(row["questions (random)"], random["questions"])


def test_where_the_numbers_come_from(study: Study, shown: dict[str, Rows]) -> None:
    metadata = {name: tables.read_metadata(study.parts("answers", name, "reading")[0]) for name in study.models}
    sources = {row["name"]: row for row in rows_of(shown, "Sources")}
    assert list(sources) == [*study.models, *study.benchmarks]
    for name, known in metadata.items():
        assert [sources[name][key] for key in ("source", "revision", "layers")] == [
            str(known["model"][key]) for key in ("source", "revision", "layers")
        ]
    (versions,) = {tuple(known["packages"].items()) for known in metadata.values()}
    assert [tuple(row.values()) for row in rows_of(shown, "Package versions")] == list(versions)
    assert {row["code digest"] for row in rows_of(shown, "Code that made")} == {"0123abcd"}


TESTED = (
    *("Cases of", "Under other criteria", "Horizons at", "Layers from which", "One horizon", "All horizons"),
    *("Schedules", "Strategies", "The best strategy and layer", "The best of the strategies", "Every strategy"),
    *("The benchmarks’ own", "Mean over the benchmarks", "Beside pruning"),
    *("Sources", "Protocols", "Package versions", "Code that made"),
    "Answers when tokens leave",  # filled by the explorer
)


def test_every_table_of_the_page_is_compared(shown: dict[str, Rows]) -> None:
    """Here or in test_cells.py: a new table needs its test."""
    assert all(caption.startswith(TESTED) for caption in shown)
    assert all(any(caption.startswith(name) for caption in shown) for name in TESTED)
