"""The page can be used without a mouse and without eyes, on a desk and on a phone; what needs a browser is slow."""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from test_report import Page, files_of, page_of

from figures.synthetic import BENCHMARKS, MODELS, Study
from infohorizon import tables
from infohorizon.report import opening

VOID = {"img", "input", "meta", "br", "hr", "link"}
LONGEST = 8_000  # pixels at a width of 1400, everything folded
PROBE = """<script>
const out = [];
window.addEventListener("error", (event) => out.push("error: " + event.message));
window.addEventListener("load", () => {
  const size = () => [document.documentElement.scrollWidth, document.documentElement.scrollHeight];
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  const opened = size();
  for (const fold of document.querySelectorAll("details")) fold.open = false;
  const loaded = performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:"));
  const found = [innerWidth, opened[0], ...size(), loaded.length, out.length, document.querySelector("#layer").max];
  document.title = "probe " + found.join(" ");
});
</script>"""


@pytest.fixture(scope="module")
def text(study: Study, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(study, files_of(study, tmp_path_factory.mktemp("accessible")))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in page.all("a")} <= set(ids)


def test_every_control_has_a_name(page: Page) -> None:
    controls = {attributes["id"] for tag in ("select", "input") for attributes in page.all(tag)}
    assert controls == {"model", "benchmark", "question", "layer"}
    named = [attributes["for"] for attributes in page.all("label")]
    assert sorted(named) == sorted(controls)


def test_every_picture_has_a_text(page: Page) -> None:
    assert all("alt" in image and (image["alt"] or image["id"] == "backdrop") for image in page.all("img"))
    assert all(drawn["aria-label"] for tag in ("svg", "canvas") for drawn in page.all(tag))
    assert len(page.all("svg")) == len(MODELS) * len(BENCHMARKS)


def test_every_table_is_folded_and_scrolls_in_a_box_that_the_keyboard_reaches(text: str) -> None:
    starts = [found.start() for found in re.finditer("<table", text)]
    assert len(starts) > 10
    for before in (text[:start] for start in starts):
        box = before[before.rindex("<div") :]
        assert 'class="scroll' in box and 'tabindex="0"' in box and 'role="region"' in box and "aria-label=" in box
        assert before.count("<details") > before.count("</details>") or "answers" in box


def test_elements_are_closed_in_order(text: str) -> None:
    """No fold, box or section ends inside another one."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.S)
    open_ones = []
    for end, tag, itself in re.findall(r"<(/?)([a-z][a-z0-9]*)\b[^>]*?(/?)>", body):
        if tag in VOID or itself:
            continue
        if not end:
            open_ones.append(tag)
        else:
            assert open_ones.pop() == tag
    assert not open_ones


def test_small_models_are_named_beside_the_findings(study: Study, tmp_path: Path, text: str) -> None:
    assert "for these models</span>" in text and "These are small models" not in text
    files = files_of(study, tmp_path)
    answers = []
    for path in files.answers:
        metadata, place = tables.read_metadata(path), tables.place(path, "answers")
        metadata["model"]["source"] = f"/somewhere/resources/models/{place['model']}"
        metadata["benchmark"]["source"] = "rendered"
        answers.append(str(tmp_path / tables.TABLES["answers"].path.format(**place)))
        tables.write(answers[-1], "answers", tables.read_arrow(path, "answers"), metadata)
    small = page_of(study, replace(files, answers=answers))
    assert "These are small models" in small and small.count("for these small models</span>") == 6
    assert "base and strong, small models asked about drawn images, and about no other model" in small


def test_models_from_elsewhere_are_not_called_small() -> None:
    sources = {
        "a": "llava-hf/llava-1.5-7b-hf",
        "b": "resources/models/mini-llava",
        "c": "results/models/trained",
        "d": "",
    }
    assert opening.bundled({name: {"source": source} for name, source in sources.items()} | {"e": {}}) == ["b"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 500])
def test_in_a_browser(text: str, tmp_path: Path, width: int) -> None:
    """No error, no request, no scrolling of the page to the side, and not too long. Chromium's windows start at 500."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not on PATH")
    file = tmp_path / "page.html"
    probed = re.sub(r"; script-src [^\"]*", "; script-src 'unsafe-inline'", text, count=1)
    file.write_text(probed.replace("<style>", PROBE + "<style>", 1))
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    command += [f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom", file.as_uri()]
    home = os.environ | {"HOME": str(tmp_path)}
    shown = subprocess.run(command, capture_output=True, text=True, timeout=300, env=home).stdout
    (found,) = re.findall(r"<title>probe ([\d ]+)</title>", shown)
    inner, opened, closed, height, requests, errors, last = map(int, found.split())
    assert opened <= inner and closed <= inner
    assert height <= LONGEST or width < 1400
    assert requests == errors == 0 and last > 0
