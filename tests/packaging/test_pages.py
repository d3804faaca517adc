"""README and documentation: links lead somewhere, snippets run, commands exist, and the site builds by itself."""

import copy
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infohorizon import schema

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "results/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)


def blocks(path: Path, language: str) -> list[str]:
    """Code blocks of a language."""
    return [code for name, code in FENCE.findall(path.read_text()) if name == language]


def anchors(path: Path) -> set[str]:
    """What a link may name behind #, as GitHub and the site make it of headings."""
    text = re.sub(r'^--8<-- "(.+)"$', lambda included: (ROOT / included[1]).read_text(), path.read_text(), flags=re.M)
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> set[str]:
    """Commands of all pages, in blocks of shell and in code spans, without those with a placeholder or a variable."""
    found = set()
    for path in PAGES:
        text = path.read_text()
        spans = re.findall(r"`((?:make|snakemake|python) [^`]+)`", FENCE.sub("", text))
        lines = [line for code in blocks(path, "sh") for line in code.splitlines()]
        found |= {line.partition("#")[0].strip() for line in [*spans, *lines]}
    return {command for command in found if command and not re.search(r"NAME|mine|path/|PATH|…|\$", command)}


def snakemake_commands() -> list[str]:
    """Those of snakemake, each once whatever its number of cores, without those that plan nothing of their own."""
    plain = [re.sub(r" +(-n|--cores \w+)(?= |$)", "", command) for command in commands()]
    other = ("--unlock", "--report", "--sdm", "--workflow-profile", "--lint", "--until")
    found = {command for command in plain if command.partition(" ")[0] == "snakemake"}
    return sorted(command for command in found if not any(option in command for option in other))


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    path = ROOT / name
    text = FENCE.sub("", path.read_text())
    for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text):
        if link.startswith(("https://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{name} links to {link}"
        assert not name.startswith("docs/") or target.is_relative_to(ROOT / "docs"), f"{link} is not on the site"


def test_the_readme_is_read_in_three_minutes():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_page_is_in_the_navigation_once():
    def files(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        return [file for part in (entry.values() if isinstance(entry, dict) else entry) for file in files(part)]

    listed = files(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_the_site_builds_without_warnings_and_asks_for_nothing(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    run = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and "WARNING" not in run.stderr, run.stderr
    pages = sorted((tmp_path / "site").glob("*.html"))
    assert {path.stem for path in pages} >= {path.stem for path in (ROOT / "docs").glob("*.md")}
    for path in pages:
        fetched = re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?(https?:[^\"\s>]+)", path.read_text()
        )
        assert not fetched, f"{path.name} fetches {fetched}"
    assert "```" not in re.sub(r"<pre>.*?</pre>", "", (tmp_path / "site/contributing.html").read_text(), flags=re.S)


def test_every_program_that_is_named_exists():
    named = commands()
    assert len(named) > 20
    for command in named:
        program, *rest = shlex.split(command)
        if program == "make":
            assert {word for word in rest if re.fullmatch(r"[a-z-]+", word)} - {"sure"} <= TARGETS, command
        if program == "python" and rest[0] == "-m":
            module = ROOT / "workflow" / rest[1].replace(".", "/")
            assert module.with_suffix(".py").exists() or module.is_dir(), command
        elif program == "python":
            assert (ROOT / rest[0]).exists(), command
        for study in re.findall(r"studies/\w+\.yaml", command):
            assert (ROOT / study).exists(), command


@pytest.mark.slow
@pytest.mark.parametrize("command", snakemake_commands())
def test_snakemake_plans_what_a_page_says(command):
    program, *rest = shlex.split(command)  # what follows a "--" is a target
    run = subprocess.run(
        [sys.executable, "-m", program, "--quiet", "--dry-run", "--nolock", *rest],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]


WORN = re.compile(
    r"\bmend|\bdear\b|\broads?\b|\bdo(es)? not do\b|\bgo(es)? on\b|\bstands? (in|for)\b|\btoo[.;)]|\ball that\b"
    r"|\bfor ever\b|\banew\b"
)
"""Turns of phrase that are not idiomatic technical English, and were everywhere once."""


@pytest.mark.parametrize(
    "pattern",
    [
        "*.md",
        "docs/*.md",
        "resources/models/*/*.md",
        "config.yaml",
        "studies/*.yaml",
        "profiles/*/*.yaml",
        "workflow/profiles/*/*.yaml",
        "workflow/report/*",
        "workflow/infohorizon/report/*.j2",
        "workflow/infohorizon/**/*.py",
        "workflow/scripts/*.py",
        "workflow/rules/*.smk",
        "bench/*.py",
    ],
)
def test_what_users_read_is_plain_english(pattern):
    found = sorted(ROOT.glob(pattern))
    assert found
    for path in found:
        worn = [line for line in path.read_text().splitlines() if WORN.search(line)]
        assert not worn, f"{path.relative_to(ROOT)}: {worn[0]}"


@pytest.mark.parametrize("name", NAMES)
def test_python_blocks_are_python(name):
    for code in blocks(ROOT / name, "python"):
        compile(code, name, "exec")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "docs/configuration.md"])
def test_configurations_that_are_shown_are_valid(name):
    for block in blocks(ROOT / name, "yaml"):
        config = yaml.safe_load((ROOT / "config.yaml").read_text())
        shown = yaml.safe_load(block)
        merge(config, shown)
        schema.check(config, ROOT / "workflow/schemas/config.schema.yaml")


def merge(into: dict, new: dict) -> None:
    """Merge as snakemake does: dictionaries are merged, anything else is replaced."""
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)


def test_the_readme_s_ten_lines_say_what_it_says(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (code,) = blocks(ROOT / "README.md", "python")
    exec(code, {})
    printed = capsys.readouterr().out
    found = {int(layer): float(value) for layer, value in re.findall(r"│ (\d+) +┆ ([\d.e-]+)", printed)}
    assert list(found) == list(range(8))
    assert all((value >= 0.8) == (layer < 6) and (value < 0.001) == (layer >= 6) for layer, value in found.items())


@pytest.mark.slow
def test_the_picture_can_be_drawn(tmp_path):
    command = [sys.executable, "docs/idea.py", tmp_path / "idea.png"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "workflow"}, check=True, capture_output=True)
    assert (tmp_path / "idea.png").stat().st_size > 50_000
