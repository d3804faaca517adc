"""The page: self-contained, safe with hostile texts, and its explorer shows what the tables hold."""

import json
import os
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from docutils.core import publish_doctree

from analysis.test_recommendation import CANDIDATES, LOSSES, ROLES, SETTINGS, trials
from figures import synthetic
from figures.synthetic import BENCHMARKS, HOSTILE, MODELS, Study
from infohorizon import tables
from infohorizon.analysis.recommendation import recommendation_rows
from infohorizon.figures import style
from infohorizon.report import explorer
from infohorizon.report.build import LARGEST_SVG, Files, build, enumerated, figure_uri
from infohorizon.report.build import Study as Told

CAPTIONS = Path(__file__).parents[2] / "workflow/report"
HORIZON = {"margin": 0.05, "divergence": 0.003, "confidence": 0.95}
STAGES = ("vision", "answers", "downsample", "information", "removals", "states", "sweep", "schedules")


class Page(HTMLParser):
    """Every element with its attributes, and the texts of script elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.scripts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, text: str) -> None:
        if self.elements and self.elements[-1][0] == "script":
            self.scripts[self.elements[-1][1].get("id", "code")] = text
            self.elements.append(("", {}))

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def files(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of(study, tmp_path_factory.mktemp("figures"))


def files_of(study: Study, folder: Path) -> Files:
    svg, png = str(folder / "information.svg"), str(folder / "information.png")
    style.save(style.empty("a figure"), svg, png)
    stages = {stage: study.paths.get(stage, []) for stage in STAGES}
    tables_of_all = {name: getattr(study, name) for name in ("horizon", "comparison", "findings", "metrics")}
    return Files(
        study.questions,
        study.images,
        **stages,
        **tables_of_all,
        svg=[svg],
        png=[png],
        captions=[str(CAPTIONS / "information.rst")],
    )


def page_of(study: Study, files: Files, **settings: dict) -> str:
    tasks = {name: name for name in study.benchmarks}
    settings = {"seed": 7, "note": HOSTILE, "horizon": HORIZON, **settings}
    return build(files, Told(study.models, study.benchmarks, tasks, settings, synthetic.WINDOW))


@pytest.fixture(scope="module")
def text(study: Study, files: Files) -> str:
    return page_of(study, files)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def shown(page: Page) -> dict:
    return json.loads(page.scripts["data"])


def recommended(folder: Path) -> Path:
    """The recommendation of the model `strong`: its table, with a figure beside it."""
    rows = [
        {"model": "strong", "unit": "tokens", **row}
        for split, names in (("search", list(LOSSES)), ("held-out", list(ROLES.values())))
        for row in recommendation_rows(split, trials(names), CANDIDATES, ROLES, SETTINGS)
    ]
    path = folder / "recommendation.arrow"
    tables.write(path, "recommendation", rows, {"configuration": {"settings": {"loss": "agreement"}}})
    style.save(style.empty("another figure"), path.with_suffix(".svg"), path.with_suffix(".png"))
    return path


def test_what_was_recommended_has_a_section_of_its_own(study: Study, files: Files, text: str, tmp_path: Path) -> None:
    assert 'id="recommendations"' not in text and "#recommendations" not in text
    path = recommended(tmp_path)
    shown = page_of(study, replace(files, recommendation=[str(path)]))
    section = shown[shown.index('<section id="recommendations">') :].partition("</section>")[0]
    assert figure_uri(path.with_suffix(".svg"), path.with_suffix(".png")) in section
    assert "Budget 0.25: fastv keeps 25% of the visual tokens from layer 1 on" in section
    assert "What counts is the share of answers that differ" in section and "(the winner&#39;s curse)" in section
    assert "the best of 5, it lost 0.020" in section and "<td>image at lower resolution</td>" in section
    assert 'href="#recommendations"' in shown and "computed again since" not in section
    os.utime(path, (0, 0))  # older than the sweep
    assert "computed again since" in page_of(study, replace(files, recommendation=[str(path)]))


def test_a_newer_sweep_of_another_model_outdates_nothing(study: Study, files: Files, tmp_path: Path) -> None:
    """Neither a results folder nor a benchmark of the recommended model's name makes it that model's."""
    path = recommended(tmp_path)
    os.utime(path, (0, 0))
    swept = [tmp_path / f"strong/sweep/base/{benchmark}/part-0.arrow" for benchmark in ("knowledge", "strong")]
    for file in swept:
        file.parent.mkdir(parents=True)
        shutil.copy(study.parts("sweep", "base", "knowledge")[0], file)
    text = page_of(study, replace(files, recommendation=[str(path)], sweep=[str(file) for file in swept]))
    assert 'id="recommendations"' in text and "computed again since" not in text


def test_nothing_is_loaded_from_elsewhere(page: Page, text: str) -> None:
    loaded = [value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "srcset")]
    assert loaded and all(value.startswith("data:image/") for value in loaded)
    assert not page.all("link") and not page.all("iframe") and not page.all("object") and not page.all("base")
    assert all(attributes["href"].startswith("#") for attributes in page.all("a"))
    assert not re.search(r"url\(|@import|https?://", text)
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_hostile_texts_stay_texts(page: Page, text: str, shown: dict) -> None:
    assert len(page.all("script")) == 2  # the data and the explorer: no third one from a question
    assert not [attributes for attributes in page.all("img") if attributes.get("src") == "x"]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<img src=x" not in text and "49" not in re.findall(r"<!-- (\d+) &", text)
    example = next(one for one in shown["examples"] if one["id"] == "reading-00")
    assert example["question"] == example["label"] == example["full"][0] == HOSTILE
    assert "innerHTML" not in page.scripts["code"]


def test_the_policy_admits_the_explorer_alone(page: Page) -> None:
    import base64
    import hashlib

    digest = base64.b64encode(hashlib.sha256(page.scripts["code"].encode()).digest()).decode()
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}'" in policy


def test_the_explorer_shows_what_the_tables_hold(study: Study, shown: dict) -> None:
    names = {(one["model"], one["benchmark"]) for one in shown["examples"]}
    assert names == {(model, benchmark) for model in MODELS for benchmark in BENCHMARKS}
    example = next(
        one
        for one in shown["examples"]
        if (one["model"], one["benchmark"], one["id"]) == ("strong", "reading", "reading-07")
    )
    name = {"question_id": "reading-07"}
    paths = {stage: study.parts(stage, "strong", "reading") for stage in STAGES}
    raw = tables.read(paths["information"], "information").filter(**name).sort("layer", "window")
    expected = raw["information"].to_numpy().reshape(len(example["layers"]), -1)
    np.testing.assert_allclose(np.array(example["information"]) / 1000, expected, atol=0.0005)
    assert example["layers"] == raw["layer"].unique().sort().to_list()
    assert example["grid"] == [synthetic.GRID, synthetic.GRID]
    answers = tables.read(paths["answers"], "answers").filter(**name)
    for condition in ("full", "blind"):
        row = answers.filter(condition=condition).row(0, named=True)
        assert example[condition] == [row["answer"], row["score"]]
    swept = tables.read(paths["sweep"], "sweep").filter(**name, strategy="random", layer=3, keep=16.0).sort("repeat")
    assert example["pruned"]["random, keep 16 tokens"]["3"] == [list(row) for row in swept["answer", "score"].rows()]
    assert next(iter(example["pruned"])) == "drop-all"
    assert shown["images"][example["image"]].startswith("data:image/png;base64,")


def test_the_explorer_is_bounded(study: Study, files: Files, shown: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "LIMIT", len(explorer.embedded(shown)) // 2)
    smaller = json.loads(Page(page_of(study, files)).scripts["data"])
    assert 0 < len(smaller["examples"]) < len(shown["examples"])
    assert len(explorer.embedded(smaller)) <= explorer.LIMIT


def test_settings_sources_and_findings_are_on_the_page(text: str) -> None:
    assert "images that could not be read were left out" in text and "row 3 of column" in text
    for part in ("resources/strong", "0123abcd", "2.13", "&#34;seed&#34;: 7", "Of 12 cases 12 hold;"):
        assert part in text
    assert text.count('<span class="verdict holds">') == 3
    assert "<h3>strong on reading</h3>" in text
    assert "The image is worth 0.50 of the label&#39;s probability" in text
    assert "exact accuracy (%): 95.0 with the image, 0.0 without it." in text


def test_an_oracle_with_options_is_no_strategy(study: Study, files: Files, text: str, tmp_path: Path) -> None:
    """A horizon table with fastv, information and oracle-answer."""
    assert text.count("2 of 2 strategies are shown") == len(MODELS) * len(BENCHMARKS)
    horizon = tables.read(study.horizon, "horizon")
    copy = str(tmp_path / "horizon.arrow")
    renamed = horizon.with_columns(pl.col("strategy").replace("divprune", "oracle-answer"))
    tables.write(copy, "horizon", renamed.to_dicts(), {})
    own = {"oracle-answer": {"strategy": "information", "by": "whole answer"}}
    shown = page_of(study, replace(files, horizon=copy), strategies=own)
    assert shown.count("1 of 1 strategy is shown") == len(MODELS) * len(BENCHMARKS)


@pytest.mark.parametrize(
    ("confidence", "said"), [(0.975, "97.5%"), (0.995, "99.5%"), (0.999, "99.9%"), (0.95, "95%"), (0.9, "90%")]
)
def test_the_confidence_is_the_configured_one(study: Study, files: Files, confidence: float, said: str) -> None:
    text = page_of(study, files, horizon=HORIZON | {"confidence": confidence})
    assert f"with {said} confidence" in text and f"is the {said} confidence set" in text


def test_the_rounding_floor_of_a_16_bit_model_is_on_the_page(study: Study, files: Files, text: str, tmp_path) -> None:
    assert "Rounding floor" not in text
    first = files.information[0]
    place = tables.place(first, "information")
    copy = str(tmp_path / tables.TABLES["information"].path.format(**place))
    floor = {"questions": ["a", "b"], "layers": [1, 2], "rms": [0.00031, 0.0042]}
    metadata = tables.read_metadata(first) | {"rounding_floor": floor}
    tables.write(copy, "information", tables.read_arrow(first, "information"), metadata)
    shown = page_of(study, replace(files, information=[copy, *files.information[1:]]))
    assert "Rounding floor" in shown and "1: 3.1e-04, 2: 4.2e-03" in shown


def test_the_rounding_floor_in_points_is_on_the_page(study: Study, files: Files, text: str, tmp_path) -> None:
    assert "Rounding floor" not in text
    first = files.removals[0]
    copy = str(tmp_path / tables.TABLES["removals"].path.format(**tables.place(first, "removals")))
    floor = {"questions": ["a", "b"], "layers": [1, 2], "changed": [0.5, 0.0], "score": [0.125, 0.0]}
    floor |= {"full_changed": 0.005, "full_score": 0.0625}
    metadata = tables.read_metadata(first) | {"rounding_floor": floor}
    tables.write(copy, "removals", tables.read_arrow(first, "removals"), metadata)
    shown = page_of(study, replace(files, removals=[copy, *files.removals[1:]]))
    assert "Rounding floor in the benchmark’s points" in shown
    assert "0.5%, 6.25 points</td>" in shown and "50%, 12.5 points</td>" in shown


def test_equal_files_give_an_equal_page(study: Study, files: Files, text: str) -> None:
    assert page_of(study, files) == text


def test_stages_that_were_not_run(tmp_path: Path) -> None:
    study = synthetic.make(tmp_path, models=["base"], strategies=[], schedules={})
    text = page_of(study, files_of(study, tmp_path))
    assert "No strategy was swept in this study." in text
    assert "No schedule was run in this study." in text
    assert '<span class="verdict undecided">' in text  # one model, no strategy
    assert json.loads(Page(text).scripts["data"])["examples"][0]["pruned"] == {}


def test_a_benchmark_without_measured_questions_is_left_out_of_the_explorer(
    study: Study, files: Files, tmp_path
) -> None:
    empty = str(tmp_path / "information/base/knowledge/part-0.arrow")
    tables.write(empty, "information", [], {})
    text = page_of(study, replace(files, information=[empty, *study.parts("information", "base", "reading")]))
    shown = json.loads(Page(text).scripts["data"])["examples"]
    assert {(one["model"], one["benchmark"]) for one in shown} == {("base", "reading")}


def test_captions_are_those_of_the_reports_files(page: Page) -> None:
    (image,) = [attributes for attributes in page.all("img") if attributes.get("id") not in ("image", "backdrop")]
    assert image["alt"] == " ".join((CAPTIONS / "information.rst").read_text().split())


@pytest.mark.parametrize("file", sorted(CAPTIONS.glob("[!w]*.rst")), ids=lambda file: file.stem)
def test_captions_read_the_same_as_plain_text_and_as_restructured_text(file: Path) -> None:
    """The page shows the file's words, Snakemake's report what docutils makes of them: markup would tell them apart."""
    document = publish_doctree(file.read_text(), settings_overrides={"report_level": 1, "halt_level": 1})
    assert document.astext().split() == file.read_text().split()


def test_a_large_figure_becomes_a_jpeg(tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    style.save(style.empty("a figure"), svg, png)
    assert figure_uri(svg, png).startswith("data:image/svg+xml;base64,")
    svg.write_text(" " * (LARGEST_SVG + 1))
    assert figure_uri(svg, png).startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_names_are_enumerated_as_in_a_sentence(names: list[str], text: str) -> None:
    assert enumerated(names) == text
